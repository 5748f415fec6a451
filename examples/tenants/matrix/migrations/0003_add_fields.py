from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0002_create")]
    operations = [
        migrations.AddField("book", "subtitle", models.CharField(max_length=50, null=True)),
        migrations.AddField("book", "pages", models.IntegerField(default=100)),
        migrations.AddField("book", "quote", models.TextField(default="it's 100% 'true'")),
        migrations.AddField("book", "facts", models.JSONField(default=dict)),
        migrations.AddField(
            "book", "publisher", models.ForeignKey("matrix.publisher", models.CASCADE, null=True)
        ),
    ]
