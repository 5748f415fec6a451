from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0006_options")]
    operations = [
        migrations.AddIndex(
            "author", models.Index(fields=["-name", "address"], name="writer_both")
        ),
        migrations.AddIndex(
            "book",
            models.Index(
                fields=["pages"],
                name="book_long",
                condition=models.Q(pages__gt=500),
                include=["isbn"],
            ),
        ),
        migrations.RenameIndex("book", new_name="book_called", old_name="book_title"),
        migrations.RemoveIndex("book", "book_price"),
    ]
