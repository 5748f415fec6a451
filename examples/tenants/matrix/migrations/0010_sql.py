from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("matrix", "0009_many_and_remove")]
    operations = [
        migrations.RunSQL(
            "CREATE VIEW matrix_titles AS SELECT title, 'a%b' AS odd FROM matrix_book;"
            " UPDATE matrix_book SET subtitle = 'of ' || title WHERE pages > 1;",
            "DROP VIEW matrix_titles",
        ),
        migrations.RunSQL(
            [("INSERT INTO matrix_label (word) VALUES (%s)", ["it's"]), "SELECT 1"],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "CREATE FUNCTION matrix_twice(n integer) RETURNS integer LANGUAGE plpgsql AS $$"
            " BEGIN RETURN 2 * n; END $$;"
            " CREATE SEQUENCE matrix_numbers START 7; SELECT nextval('matrix_numbers');"
        ),
    ]
