import django
from django.db import migrations, models

# Django 5.1 calls it condition, and 6.0 no longer takes check.
CHECK = "condition" if django.VERSION >= (5, 1) else "check"


class Migration(migrations.Migration):
    dependencies = [("matrix", "0007_indexes")]
    operations = [
        migrations.AddConstraint(
            "book", models.CheckConstraint(name="some_pages", **{CHECK: models.Q(pages__gte=1)})
        ),
        migrations.AddConstraint(
            "book",
            models.UniqueConstraint(
                fields=["author", "subtitle"], name="one_subtitle", condition=models.Q(pages__gt=3)
            ),
        ),
        migrations.AddConstraint(
            "label",
            models.UniqueConstraint(
                fields=["word"], name="one_word", deferrable=models.Deferrable.DEFERRED
            ),
        ),
        migrations.RemoveConstraint("book", "one_subtitle"),
    ]
