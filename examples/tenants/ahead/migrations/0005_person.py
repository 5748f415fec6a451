from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0004_larger")]
    operations = [
        migrations.AddField(
            "Order", "person", models.ForeignKey("ahead.Person", models.CASCADE, null=True)
        ),
    ]
