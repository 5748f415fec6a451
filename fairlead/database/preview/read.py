"""The stages of a preview from what the program inside tells; pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fairlead.database.preview.effects import effects
from fairlead.database.preview.model import (
    Lock,
    PreviewedMigration,
    Stage,
    Statement,
    Table,
    Trouble,
    Work,
    WorkKind,
)
from fairlead.database.preview.rules import Key, Shape, table_of, troubles, works
from fairlead.database.tenants.inside_job import Event

# By how much they keep out; a reader's own lock, ACCESS SHARE, is nobody's trouble.
MODES = {
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
}
STRENGTH = list(MODES.values())
# PostgreSQL's own words for what it reads a whole table for.
READINGS = TABLE, FOREIGN_KEY = "verifying table", "validating foreign key constraint"
SCHEMA_TAGS = ("ALTER", "CREATE", "DROP", "COMMENT", "SET", "RESET", "GRANT", "REVOKE")


def stages_of(events: Iterable[Event], tenants: Mapping[str, int]) -> tuple[Stage, ...]:
    """`tenants` says of how many each schema stands for."""
    readers: dict[str, _Reader] = {}
    current = None
    for event in events:
        if "of" in event and event["event"] in ("base", "migration"):
            current = readers.setdefault(event["of"], _Reader(event["of"]))
        if current is not None:
            current.take(event)
    return tuple(
        Stage(of, tenants.get(of, 0), reader.migrations()) for of, reader in readers.items()
    )


@dataclass
class _Reader:
    """One stage: `of` is a tenant's schema, empty for the shared one. What a statement brings
    counts only if it is still so in the end."""

    of: str
    base: Shape = field(default_factory=dict)
    now: Shape = field(default_factory=dict)
    tried: bool = False
    found: list[PreviewedMigration] = field(default_factory=list)
    blamed: dict[tuple[int, int], set[Key]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        match event["event"]:
            case "base":
                self.base = self.now = self._own(event["tables"])
                self.tried = True
            case "migration":
                self.found.append(_migration(event, tried=self.tried))
            case "statement":
                self._statement(event)
            case "broke":
                self.found[-1] = replace(self.found[-1], broke=event["error"])

    def migrations(self) -> tuple[PreviewedMigration, ...]:
        left = troubles(self.base, self.now)
        return tuple(
            replace(
                migration,
                statements=tuple(
                    replace(one, troubles=(*one.troubles, *self._lasting(left, (at, number))))
                    for number, one in enumerate(migration.statements)
                ),
            )
            for at, migration in enumerate(self.found)
        )

    def _lasting(self, left: Mapping[Key, Trouble], where: tuple[int, int]) -> Iterable[Trouble]:
        return (trouble for key, trouble in left.items() if key in self.blamed.get(where, ()))

    def _statement(self, event: Event) -> None:
        before = self.now
        gone = {oid for oid, table in event["changed"].items() if table is None}
        kept = {oid: table for oid, table in before.items() if oid not in gone}
        changed = {oid: table for oid, table in event["changed"].items() if table is not None}
        self.now = {**kept, **self._own(changed)}
        migration = self.found[-1]
        where = len(self.found) - 1, len(migration.statements)
        self.blamed[where] = set(troubles(self.base, self.now)) - set(troubles(self.base, before))
        statement = self._read(event, before)
        self.found[-1] = replace(migration, statements=(*migration.statements, statement))

    def _own(self, tables: Shape) -> Shape:
        """What is each tenant's has no schema, so that all who wait for it are told alike."""
        own = {
            oid: {**one, "schema": ""} for oid, one in tables.items() if one["schema"] == self.of
        }
        return {**tables, **own}

    def _read(self, event: Event, before: Shape) -> Statement:
        """Tables are called what the real database calls them, where their sizes are looked up;
        PostgreSQL's words have what a migration may have renamed them to."""
        known = {
            oid: {**before[oid], "schema": one["schema"], "name": one["name"]}
            for oid, one in self.base.items()
            if oid in before
        }
        tables = {oid: table_of(one) for oid, one in known.items()}
        called = {tables[oid]: before[oid]["name"] for oid in known}
        held = _strongest(event["held"], tables)
        new = _strongest(event["locks"] or [], tables)
        locked = new.keys() | held.keys()
        read = {what: {name for one, name in event["read"] if one == what} for what in READINGS}
        done = list(works(known, self.now, event["tag"], read[FOREIGN_KEY]))
        done += [Work(WorkKind.READS, table) for table in locked if called[table] in read[TABLE]]
        done += _rows(event, tables, called)
        touched = {tables[oid] for oid in event["changed"] if oid in tables}
        touched |= {work.table for work in done}
        if event["locks"] is None:
            new = {one: _documented(event["sql"], one, done) for one in sorted(touched, key=str)}
        else:  # what it needs, and an earlier statement of the transaction has
            needed = {one: mode for one, mode in held.items() if one in touched}
            new = {one: _stronger(new.get(one), needed.get(one)) for one in {**needed, **new}}
        return Statement(
            sql=event["sql"],
            locks=_locks(new),
            held=tuple(
                lock for lock in _locks(held) if lock.keeps_out and lock.table not in new and done
            ),
            works=tuple(done),
            troubles=tuple(
                effects(event["sql"], event["tag"], own=event["own"], of_known=bool(locked))
            ),
            seen=event["locks"] is not None,
        )


def _documented(sql: str, table: Table, done: Sequence[Work]) -> str:
    """Of what stands in no transaction: VACUUM FULL and CLUSTER rewrite, REINDEX SCHEMA builds, and
    CONCURRENTLY is there to keep nobody out.
    https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES"""
    if Work(WorkKind.REWRITES, table) in done:
        return "ACCESS EXCLUSIVE"
    builds = Work(WorkKind.INDEXES, table) in done
    return "SHARE" if builds and "concurrently" not in sql.lower() else "SHARE UPDATE EXCLUSIVE"


def _migration(event: Event, *, tried: bool) -> PreviewedMigration:
    return PreviewedMigration(
        event["app"],
        event["name"],
        event["atomic"],
        tuple(event["operations"]),
        tuple(event["code"]),
        tried=tried,
    )


def _rows(event: Event, tables: Mapping[str, Table], called: Mapping[Table, str]) -> Iterator[Work]:
    """What a statement writes, and what it reads for that if it is not one of the schema. A lock
    that the transaction has already tells nothing: such a table is found by its name in the SQL."""
    of_rows = event["tag"].split(" ")[0] not in SCHEMA_TAGS

    def with_lock(name: str) -> list[Table]:
        new = {tables[oid] for oid, mode in event["locks"] or [] if mode == name and oid in tables}
        had = {tables[oid] for oid, mode in event["held"] if mode == name and oid in tables}
        named = {table for table in had if of_rows and _names(event["sql"], called[table])}
        return sorted(new | named, key=str)

    writes = with_lock("RowExclusiveLock")
    yield from (Work(WorkKind.WRITES, table) for table in writes)
    reads = with_lock("AccessShareLock") if of_rows else []
    yield from (Work(WorkKind.READS, table) for table in reads if table not in writes)


def _names(sql: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql) is not None


def _strongest(pairs: Sequence[Sequence[str]], tables: Mapping[str, Table]) -> dict[Table, str]:
    found: dict[Table, str] = {}
    for oid, name in pairs:
        mode = MODES.get(name)
        if mode is None or oid not in tables:
            continue
        found[tables[oid]] = _stronger(mode, found.get(tables[oid]))
    return found


def _stronger(*modes: str | None) -> str:
    return min((mode for mode in modes if mode is not None), key=STRENGTH.index)


def _locks(found: Mapping[Table, str]) -> tuple[Lock, ...]:
    ordered = sorted(found.items(), key=lambda one: (STRENGTH.index(one[1]), str(one[0])))
    return tuple(Lock(mode, table) for table, mode in ordered)
