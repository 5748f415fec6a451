from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("matrix", "0004_alter_fields")]
    operations = [
        migrations.RenameField("author", "email", "address"),
        migrations.RenameModel("Tag", "Label"),
        migrations.AlterModelTable("author", "writers"),
    ]
