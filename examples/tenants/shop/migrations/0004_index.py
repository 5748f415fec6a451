from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_review")]
    operations = [
        migrations.AddIndex("order", models.Index(fields=["made_at"], name="order_made_at")),
        migrations.AddConstraint(
            "review", models.UniqueConstraint(fields=["product", "stars"], name="one_review")
        ),
    ]
