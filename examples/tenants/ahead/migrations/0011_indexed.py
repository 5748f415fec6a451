from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0010_concurrently")]
    operations = [
        migrations.AddIndex("Order", models.Index(fields=["amount"], name="ahead_amount")),
    ]
