from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    replaces = [("pressed", "0001_initial"), ("pressed", "0002_heat")]
    operations = [
        migrations.CreateModel(
            "Iron",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("heat", models.IntegerField(default=1)),
            ],
        )
    ]
