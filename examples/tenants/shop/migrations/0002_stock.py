from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("product", "stock", models.IntegerField(default=0)),
        migrations.AddField("product", "label", models.CharField(max_length=100, default="")),
    ]
