from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0003_add_fields")]
    operations = [
        migrations.AlterField("book", "title", models.TextField()),
        migrations.AlterField(
            "book", "price", models.DecimalField(max_digits=9, decimal_places=2, default=7)
        ),
        migrations.AlterField("book", "isbn", models.CharField(max_length=13, unique=True)),
        migrations.AlterField("author", "name", models.CharField(max_length=80, db_index=True)),
        migrations.AlterField("author", "email", models.EmailField(null=True)),
        migrations.AlterField("tag", "id", models.AutoField(primary_key=True, serialize=False)),
    ]
