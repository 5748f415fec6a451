from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pressed", "0001_squashed_0002_heat")]
    operations = [migrations.AddField("iron", "steam", models.BooleanField(default=False))]
