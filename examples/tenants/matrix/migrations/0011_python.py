from django.db import migrations


def count(apps, schema_editor):
    book, label = apps.get_model("matrix", "Book"), apps.get_model("matrix", "Label")
    kind = apps.get_model("contenttypes", "ContentType").objects.get_for_model(book)
    schema = schema_editor.connection.schema_name
    label.objects.create(word=f"{schema} {book.objects.count()} {kind.pk}"[:20])


class Migration(migrations.Migration):
    dependencies = [("matrix", "0010_sql")]
    operations = [
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
