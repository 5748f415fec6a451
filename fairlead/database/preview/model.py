"""The nouns of a preview: frozen, pure, and kept as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter


class Verdict(StrEnum):
    """Of the code that runs now, once the statement is done."""

    BREAKS = "breaks"
    MAY_BREAK = "may break"
    UNKNOWN = "unknown"


class WorkKind(StrEnum):
    """What takes time in proportion to the table."""

    REWRITES = "rewrites"
    READS = "reads all of"
    VALIDATES = "checks a foreign key of"
    INDEXES = "builds an index of"
    WRITES = "writes rows of"


@dataclass(frozen=True, slots=True)
class Table:
    """`schema` is empty for that of each tenant."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Lock:
    """`mode` as SQL has it: ACCESS EXCLUSIVE.
    https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES"""

    mode: str
    table: Table

    @property
    def keeps_out(self) -> str:
        """Whom it has wait; empty for one that nobody's reading and writing notices."""
        if self.mode == "ACCESS EXCLUSIVE":
            return "nobody reads or writes"
        return "nobody writes" if self.mode in NO_WRITING else ""


NO_WRITING = ("EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE")


@dataclass(frozen=True, slots=True)
class Work:
    kind: WorkKind
    table: Table


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the code that runs now may not live with it."""

    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What a linter says: the name of its rule, and why."""

    rule: str
    words: str


@dataclass(frozen=True, slots=True)
class Statement:
    """`locks` that it takes, or needs and has; `held` are strong ones of statements before it, in
    the same transaction. Where not `seen`, it can stand in no transaction, and `locks` are what
    PostgreSQL's documentation says."""

    sql: str
    locks: tuple[Lock, ...] = ()
    held: tuple[Lock, ...] = ()
    works: tuple[Work, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    remarks: tuple[Remark, ...] = ()
    seen: bool = True


@dataclass(frozen=True, slots=True)
class PreviewedMigration:
    """`operations` in Django's words; `code` are functions that it calls, which were not run;
    `broke` why it could not be run to its end, where it was `tried`."""

    app: str
    name: str
    atomic: bool = True
    operations: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()
    broke: str = ""
    tried: bool = True

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"


@dataclass(frozen=True, slots=True)
class Size:
    """Of a table now. `rows` are those of the largest where it is in several schemas, counted where
    `exact`, else the planner's estimate, None without one; `bytes` without indexes; `all_bytes` of
    all `tables` together."""

    table: Table
    rows: int | None
    exact: bool
    bytes: int
    tables: int = 1
    all_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """What happens to the shared schema (or the one database of a project without tenants), where
    `schema` is empty, or to `tenants` that all have the same migrations, of which `schema` was
    tried."""

    schema: str
    tenants: int
    migrations: tuple[PreviewedMigration, ...]
    sizes: tuple[Size, ...] = ()

    def size(self, table: Table) -> Size | None:
        return next((size for size in self.sizes if size.table == table), None)

    def statements(self) -> Iterator[tuple[PreviewedMigration, Statement]]:
        for migration in self.migrations:
            for statement in migration.statements:
                yield migration, statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`blind` says why nothing could be tried, and `next_step` what to do about it; of the
    migrations only what they say of themselves is known then. `first` says that no code runs yet
    that could break. `unwritten` are changes of models without a migration, `checks` what Django's
    own say of the database."""

    stages: tuple[Stage, ...] = ()
    unwritten: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    blind: str = ""
    next_step: str = ""
    first: bool = False

    def as_json(self) -> dict[str, Any]:
        kept: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return kept


def preview_of(kept: Mapping[str, Any]) -> Preview:
    """What `as_json` gave."""
    return _ADAPTER.validate_python(kept)


_ADAPTER = TypeAdapter(Preview)
