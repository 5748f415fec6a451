from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0013_state_apart")]
    atomic = False
    operations = [
        AddIndexConcurrently("book", models.Index(fields=["hidden"], name="book_hidden")),
    ]
