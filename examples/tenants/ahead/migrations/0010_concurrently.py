from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ahead", "0009_renamed")]
    operations = [
        AddIndexConcurrently("Order", models.Index(fields=["number"], name="ahead_number")),
    ]
