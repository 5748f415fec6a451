import django.db.models.deletion
from django.db import migrations, models


def key():
    return ("id", models.BigAutoField(primary_key=True, serialize=False))


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Author",
            [key(), ("name", models.CharField(max_length=50)), ("email", models.EmailField())],
        ),
        migrations.CreateModel("Tag", [key(), ("word", models.CharField(max_length=20))]),
        migrations.CreateModel("Gone", [key(), ("word", models.CharField(max_length=20))]),
        migrations.CreateModel(
            "Book",
            [
                key(),
                ("title", models.CharField(max_length=50)),
                ("price", models.IntegerField(null=True)),
                ("isbn", models.CharField(max_length=13)),
                ("old", models.CharField(max_length=13, default="old")),
                ("author", models.ForeignKey("matrix.author", django.db.models.deletion.CASCADE)),
                ("tags", models.ManyToManyField("matrix.tag")),
            ],
        ),
        migrations.AddIndex("book", models.Index(fields=["title"], name="book_title")),
        migrations.AddIndex("book", models.Index(fields=["price"], name="book_price")),
    ]
