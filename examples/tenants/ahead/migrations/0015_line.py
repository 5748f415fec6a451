from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0014_unique")]
    operations = [
        migrations.CreateModel(
            "Line",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("order", models.ForeignKey("ahead.Order", models.CASCADE)),
            ],
        ),
    ]
