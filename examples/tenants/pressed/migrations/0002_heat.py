from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pressed", "0001_initial")]
    operations = [migrations.AddField("iron", "heat", models.IntegerField(default=1))]
