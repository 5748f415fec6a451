"""The store's own schema, migrated forward by Alembic when it is behind."""

from pathlib import Path

import psycopg

SCHEMA = "fairlead"
HEAD = "0011"
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_463_001  # an advisory lock, so that two processes migrate one after the other


def is_current(connection: psycopg.Connection) -> bool:
    """True when the schema is at the version of this code: one query, no import of Alembic."""
    with connection.transaction():
        known = connection.execute("select to_regclass('fairlead.schema_version')").fetchone()
        if known is None or known[0] is None:
            return False
        found = connection.execute("select version_num from fairlead.schema_version").fetchone()
        return found is not None and str(found[0]) >= HEAD


def migrate(conninfo: str, version: str = "head") -> None:
    """Bring the schema forward to `version`, in one transaction, one process at a time.

    A schema that is newer than this code is left alone: the previous version of the code must
    run on the new schema. Raises what psycopg raises.
    """
    from alembic import command  # noqa: PLC0415 costs 0.4 s, needed once a version
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine, exc, pool, text  # noqa: PLC0415

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=pool.NullPool
    )
    try:
        with engine.begin() as connection:
            connection.execute(text(f"select pg_advisory_xact_lock({_LOCK})"))
            connection.execute(text(f"create schema if not exists {SCHEMA}"))
            connection.execute(text(f"set local search_path to {SCHEMA}"))
            config = Config()
            config.set_main_option("script_location", str(_FOLDER))
            config.attributes["connection"] = connection
            command.upgrade(config, version)
    except exc.DBAPIError as error:
        raise (error.orig or error) from error
