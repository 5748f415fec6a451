"""Keys on their way from one database to the other, in temporary tables of a session."""

from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.refresh.relations import Name

TYPES = """
select array(select format_type(a.atttypid, a.atttypmod) from unnest(%s::text[]) with ordinality
    k(name, place) join pg_attribute a on a.attrelid = %s::regclass and a.attname = k.name
  order by k.place) as types
"""


class Keys:
    """One for each kind of key: a table that is dropped stays locked until its transaction ends."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        self._connection = connection
        self._kinds: dict[tuple[str, ...], sql.Identifier] = {}

    def emptied(self, table: Name, columns: tuple[str, ...]) -> sql.Identifier:
        """A temporary table without rows, for keys as those columns have them: `named(columns)` are
        its own."""
        name = sql.Identifier(*table).as_string(self._connection)
        row = self._connection.execute(TYPES, (list(columns), name)).fetchone()
        assert row is not None
        kind = tuple(row["types"])
        if kind in self._kinds:
            self._connection.execute(sql.SQL("truncate table {}").format(self._kinds[kind]))
        else:
            self._kinds[kind] = made = sql.Identifier(
                "pg_temp", f"fairlead keys {len(self._kinds)}"
            )
            parts = (
                sql.SQL("{} {}").format(sql.Identifier(own), sql.SQL(written))  # by format_type
                for own, written in zip(named(columns), kind, strict=True)
            )
            self._connection.execute(
                sql.SQL("create temporary table {} ({})").format(made, sql.SQL(", ").join(parts))
            )
        return self._kinds[kind]


def named(columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"key_{at}" for at in range(len(columns)))
