from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("matrix", "0005_rename")]
    operations = [
        migrations.AlterModelOptions(
            "author", {"permissions": [("praise_author", "Can praise")], "ordering": ["name"]}
        ),
        migrations.AlterUniqueTogether("label", {("word", "id")}),
        migrations.AlterOrderWithRespectTo("book", "author"),
    ]
