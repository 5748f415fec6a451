from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0017_mixed")]
    operations = [
        migrations.AlterField("book", "rank", models.IntegerField()),
        migrations.CreateModel(
            "Last",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("book", models.OneToOneField("matrix.book", models.CASCADE)),
            ],
        ),
    ]
