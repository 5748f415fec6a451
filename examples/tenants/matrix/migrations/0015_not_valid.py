import django
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

CHECK = "condition" if django.VERSION >= (5, 1) else "check"


class Migration(migrations.Migration):
    dependencies = [("matrix", "0014_concurrently")]
    operations = [
        AddConstraintNotValid(
            "book", models.CheckConstraint(name="shown", **{CHECK: models.Q(hidden__lt=9)})
        ),
        ValidateConstraint("book", "shown"),
    ]
