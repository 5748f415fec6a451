from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("matrix", "0018_after")]
    operations = [
        migrations.RunSQL("COMMENT ON TABLE matrix_last IS 'the longest_named tenant has none'"),
    ]
