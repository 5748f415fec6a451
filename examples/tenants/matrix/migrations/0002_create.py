from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0001_initial")]
    operations = [
        migrations.CreateModel(
            "Publisher",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=50, unique=True)),
                ("city", models.CharField(max_length=50, db_index=True)),
                ("slug", models.SlugField(default="")),
                ("data", models.JSONField(default=dict)),
                ("authors", models.ManyToManyField("matrix.author", related_name="publishers")),
                ("parent", models.ForeignKey("self", models.SET_NULL, null=True)),
            ],
            options={
                "unique_together": {("name", "city")},
                "permissions": [("audit_publisher", 'Can audit a publisher\'s "own" \\ books')],
                "verbose_name": "house",
            },
        ),
        migrations.CreateModel(
            "Press",
            [],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("matrix.publisher",),
        ),
        migrations.CreateModel(
            "Imprint",
            [
                (
                    "publisher_ptr",
                    models.OneToOneField(
                        "matrix.publisher",
                        models.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("note", models.TextField()),
            ],
            bases=("matrix.publisher",),
        ),
    ]
