from django.db import migrations, router
from django.db.migrations.operations.base import Operation


class Remark(Operation):
    reversible = True

    def state_forwards(self, app_label, state):
        pass

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if not router.allow_migrate(schema_editor.connection.alias, app_label):
            return
        table = schema_editor.quote_name("matrix_book")
        schema = schema_editor.connection.schema_name
        schema_editor.execute(f"COMMENT ON TABLE {table} IS 'books of {schema}'")

    def describe(self):
        return "Remark"


class Migration(migrations.Migration):
    dependencies = [("matrix", "0015_not_valid")]
    operations = [
        Remark(),
    ]
