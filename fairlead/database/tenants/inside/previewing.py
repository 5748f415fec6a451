"""The preview: pending migrations run in a scratch copy of the schema, and what they do told."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, Iterator, List

from . import applied, graph, project
from .events import tell
from .project import Tenant
from .watching import Watch


class NotScratch(Exception):
    """The project's settings lead to another database than the one that is to be tried on."""


def preview(database: str, tenants: List[List[str]]) -> int:
    """Run what is pending in the shared schema, then in each of `tenants` (schema and kind), in the
    scratch `database`. Where that is empty nothing is run, and only what the migrations say of
    themselves is told: `migration`, and with a database `base` and `statement`. Their `of` is the
    tenant's schema, empty for the shared one: a tenant may have any name. Code of RunPython is
    never run: nobody knows what else it would reach. Returns the exit code."""
    connection = project.connection()
    if database:
        _check_scratch(connection, database)
    unwritten(connection)
    if project.has_tenants():
        _schema(connection, "", project.public(), database)
        for schema, kind in tenants:
            _schema(connection, schema, Tenant(schema, kind), database)
    else:
        _plain(connection, database)
    tell("previewed")
    return 0


def unwritten(connection: Any) -> None:
    """Models that were changed without a migration, as Django's own migrate command finds them, and
    what Django's checks of the database say."""
    from django.apps import apps
    from django.core import checks
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    for app, migrations in sorted(detector.changes(graph=loader.graph).items()):
        operations = [one.describe() for migration in migrations for one in migration.operations]
        tell("unwritten", app=app, operations=operations)
    for found in checks.run_checks(tags=[checks.Tags.database], databases=[connection.alias]):
        tell("check", id=found.id or "", says=str(found.msg), of=str(found.obj or ""))


def _check_scratch(connection: Any, database: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select current_database()")
        (found,) = cursor.fetchone()
    if found != database:
        raise NotScratch(f"the project's settings lead to {found}, not to {database}")


def _plain(connection: Any, database: str) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    done = frozenset(MigrationRecorder(connection).applied_migrations())
    _migrate(connection, "", graph.pending(connection, done), database)


def _schema(connection: Any, of: str, tenant: Tenant, database: str) -> None:
    found = applied.read(connection, [tenant.schema]).get(tenant.schema)
    project.enter(tenant)
    had = found.migrations if found else frozenset()
    _migrate(connection, of, graph.pending(connection, had), database)


def _migrate(connection: Any, of: str, found: graph.Pending, database: str) -> None:
    if not database:
        for migration in found.plan:
            _tell_migration(connection, of, migration)
        return
    watch = Watch(connection)
    tell("base", of=of, tables=watch.tables)
    found.executor.recorder.ensure_schema()
    state = found.executor._create_project_state(with_applied_migrations=True)
    with connection.execute_wrapper(watch):
        for migration in found.plan:
            _tell_migration(connection, of, migration)
            _observe(migration, watch)
            watch.begin()
            try:
                state = found.executor.apply_migration(state, migration, fake_initial=True)
            except Exception as error:  # noqa: BLE001 whatever a project's migration raises
                lines = str(error).strip().splitlines() or [type(error).__name__]
                tell("broke", error=f"{type(error).__name__}: {lines[0]}")
                return


def _tell_migration(connection: Any, of: str, migration: Any) -> None:
    code = [one for one in _all(migration.operations) if _is(one, "RunPython")]
    tell(
        "migration",
        of=of,
        app=migration.app_label,
        name=migration.name,
        atomic=bool(migration.atomic),
        operations=[one.describe() for one in migration.operations],
        code=[_named(one.code) for one in code if _runs(connection, migration, one)],
    )


def _runs(connection: Any, migration: Any, operation: Any) -> bool:
    """Not in a schema that the project's router keeps it from."""
    from django.db import router

    hints = operation.hints
    return bool(router.allow_migrate(connection.alias, migration.app_label, **hints))


def _observe(migration: Any, watch: Watch) -> None:
    for operation in _all(migration.operations):
        if _is(operation, "RunPython"):
            operation.database_forwards = _nothing
        elif _is(operation, "RunSQL"):
            # The operations of a migration are the same objects for every state.
            forwards = partial(type(operation).database_forwards, operation)
            operation.database_forwards = partial(_own_sql, watch, forwards)


def _nothing(*_: Any, **__: Any) -> None:
    pass


def _own_sql(watch: Watch, forwards: Callable[..., Any], *arguments: Any, **more: Any) -> None:
    watch.own_sql = True
    try:
        forwards(*arguments, **more)
    finally:
        watch.own_sql = False


def _all(operations: Any) -> Iterator[Any]:
    for operation in operations:
        yield operation
        yield from _all(getattr(operation, "database_operations", ()))


def _is(operation: Any, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(operation).__mro__)


def _named(code: Any) -> str:
    """`shop.migrations.0005_labels.shout`, as people find it."""
    known: Dict[str, Any] = {"module": getattr(code, "__module__", ""), "name": ""}
    known["name"] = getattr(code, "__qualname__", type(code).__name__)
    return "{module}.{name}".format(**known)
