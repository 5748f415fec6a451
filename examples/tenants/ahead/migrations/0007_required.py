from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0006_not_null")]
    operations = [
        migrations.AddField("Order", "state", models.CharField(max_length=10, default="new")),
    ]
