from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0019_names_a_tenant")]
    run_before = []
    operations = [
        migrations.AddField("last", "made", models.DateTimeField(null=True)),
    ]
