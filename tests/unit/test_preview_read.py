"""What the program inside tells becomes the statements of each migration."""

from typing import Any

from fairlead.database.preview.model import Lock, Statement, Table, Verdict, Work, WorkKind
from fairlead.database.preview.read import stages_of
from fairlead.database.tenants.inside_job import Event

A, B = Table("public", "a"), Table("public", "b")


def table(name: str, schema: str = "public", file: int = 1, **columns: str) -> dict[str, Any]:
    made = {
        str(at): {
            "name": column,
            "type": kind,
            **dict.fromkeys(("not_null", "filled", "always"), False),
        }
        for at, (column, kind) in enumerate(columns.items(), start=1)
    }
    whole = {"schema": schema, "name": name, "kind": "r", "file": file, "columns": made}
    return {**whole, "constraints": {}, "indexes": {}}


def base(*tables: dict[str, Any], of: str = "") -> Event:
    by_oid = {str(at): one for at, one in enumerate(tables, start=1)}
    return {"event": "base", "of": of, "tables": by_oid}


def migration(name: str, of: str = "", code: tuple[str, ...] = ()) -> Event:
    told = {"event": "migration", "of": of, "app": "shop", "name": name, "atomic": True}
    return {**told, "operations": ["Do it"], "code": list(code)}


def statement(sql: str, **given: Any) -> Event:
    usual = {"tag": "ALTER TABLE", "own": False, "locks": [], "held": [], "read": [], "changed": {}}
    return {"event": "statement", "sql": sql, **usual, **given}


def statements(*events: Event) -> list[Statement]:
    (stage,) = stages_of(events, {})
    return [statement for _, statement in stage.statements()]


def test_strongest_lock_of_each_table_that_was_there_before_is_told() -> None:
    locks = [
        ["1", "AccessShareLock"],
        ["1", "ShareRowExclusiveLock"],
        ["1", "AccessExclusiveLock"],
        ["2", "ShareRowExclusiveLock"],
        ["99", "AccessExclusiveLock"],
    ]
    (found,) = statements(
        base(table("a"), table("b")), migration("0002"), statement("alter", locks=locks)
    )
    assert found.locks == (Lock("ACCESS EXCLUSIVE", A), Lock("SHARE ROW EXCLUSIVE", B))
    assert [lock.keeps_out for lock in found.locks] == ["nobody reads or writes", "nobody writes"]


def test_lock_of_a_statement_before_is_told_only_while_something_takes_its_time() -> None:
    held = [["1", "AccessExclusiveLock"], ["2", "RowExclusiveLock"]]
    quick, slow = statements(
        base(table("a"), table("b")),
        migration("0002"),
        statement("quick", held=held),
        statement("slow", held=held, locks=[["2", "ShareLock"]], changed={"2": table("b", file=2)}),
    )
    assert (quick.locks, quick.held) == ((), ())
    assert slow.works == (Work(WorkKind.REWRITES, B),)
    assert (slow.locks, slow.held) == (
        (Lock("SHARE", B),),
        (Lock("ACCESS EXCLUSIVE", A),),
    )


def test_statement_about_rows_is_told_while_a_lock_of_one_before_it_lasts() -> None:
    """The second UPDATE takes no lock that its transaction has not."""
    update = {"sql": "update b set x = 1", "tag": "UPDATE 3"}
    held = [["1", "AccessExclusiveLock"], ["2", "RowExclusiveLock"]]
    first, again, other = statements(
        base(table("a"), table("b")),
        migration("0002"),
        statement(**update, held=held[:1], locks=held[1:]),
        statement(**update, held=held),
        statement("update bb set x = 1", tag="UPDATE 3", held=held),
    )
    for one in (first, again):
        assert one.works == (Work(WorkKind.WRITES, B),)
        assert (one.locks, one.held) == (
            (Lock("ROW EXCLUSIVE", B),),
            (Lock("ACCESS EXCLUSIVE", A),),
        )
    assert (other.works, other.held) == ((), ())


def test_table_that_rows_are_taken_from_is_read() -> None:
    locks = [["1", "AccessShareLock"], ["2", "RowExclusiveLock"], ["2", "AccessShareLock"]]
    filled, changed = statements(
        base(table("a"), table("b")),
        migration("0002"),
        statement("insert into b select * from a", tag="INSERT 0 3", locks=locks),
        statement("alter table b add foreign key (x) references a", locks=locks[:1]),
    )
    assert filled.works == (Work(WorkKind.WRITES, B), Work(WorkKind.READS, A))
    assert changed.works == ()


def test_table_that_is_read_is_found_by_name_among_those_that_are_locked() -> None:
    (found,) = statements(
        base(table("a"), table("a", schema="other")),
        migration("0002"),
        statement("x", locks=[["1", "AccessExclusiveLock"]], read=[["verifying table", "a"]]),
    )
    assert found.works == (Work(WorkKind.READS, A),)


def test_table_that_was_renamed_is_called_what_the_real_database_calls_it() -> None:
    """Its size is looked up there."""
    locks = [["1", "AccessExclusiveLock"]]
    renamed, rewritten, read = statements(
        base(table("a"), table("b")),
        migration("0002"),
        statement("rename", locks=locks, changed={"1": table("new")}),
        statement("rewrite", locks=locks, changed={"1": table("new", file=2)}),
        statement("read", locks=locks, read=[["verifying table", "new"]]),
    )
    assert {one.locks for one in (renamed, rewritten, read)} == {(Lock("ACCESS EXCLUSIVE", A),)}
    assert (renamed.works, rewritten.works) == ((), (Work(WorkKind.REWRITES, A),))
    assert read.works == (Work(WorkKind.READS, A),)


def test_statement_outside_a_transaction_has_the_lock_that_is_documented() -> None:
    changed = table("a")
    changed["indexes"] = {
        "7": {"name": "i", "unique": False, "valid": True, "file": 3, "columns": [1]}
    }
    (found,) = statements(
        base(table("a")),
        migration("0002"),
        statement("create index concurrently", locks=None, changed={"1": changed}),
    )
    assert (found.seen, found.locks) == (False, (Lock("SHARE UPDATE EXCLUSIVE", A),))
    assert found.works == (Work(WorkKind.INDEXES, A),)


def test_statement_outside_a_transaction_may_keep_others_out() -> None:
    indexed = table("a")
    indexed["indexes"] = {
        "7": {"name": "i", "unique": False, "valid": True, "file": 3, "columns": [1]}
    }
    built, rewritten = statements(
        base(table("a")),
        migration("0002"),
        statement("reindex schema public", tag="REINDEX", locks=None, changed={"1": indexed}),
        statement("vacuum full a", tag="VACUUM", locks=None, changed={"1": table("a", file=2)}),
    )
    assert (built.seen, built.locks) == (False, (Lock("SHARE", A),))
    assert (rewritten.seen, rewritten.locks) == (False, (Lock("ACCESS EXCLUSIVE", A),))


def test_what_is_taken_and_given_back_breaks_nothing() -> None:
    gone, again = table("a"), table("a", x="integer")
    first, second = statements(
        base(table("a", x="integer")),
        migration("0002"),
        statement("drop column x", changed={"1": gone}),
        statement("add column x", changed={"1": again}),
    )
    assert (first.troubles, second.troubles) == ((), ())
    (dropped,) = statements(
        base(table("a", x="integer")), migration("0002"), statement("drop", changed={"1": gone})
    )
    assert [one.verdict for one in dropped.troubles] == [Verdict.BREAKS]


def test_own_sql_is_known_only_where_it_is_one_statement_of_the_schema() -> None:
    found = statements(
        base(table("a")),
        migration("0002"),
        statement("update a set x = 1", own=True, tag="UPDATE 0"),
        statement("alter table a add x int; update a set x = 1", own=True),
        statement("alter table a add x int;", own=True),
        statement("update a set x = 1", tag="UPDATE 0"),
    )
    assert [[one.verdict for one in each.troubles] for each in found] == [
        [Verdict.UNKNOWN],
        [Verdict.UNKNOWN],
        [],
        [],
    ]


def test_trigger_is_told_of_where_it_concerns_a_table_that_was_there_before() -> None:
    create = "create trigger t before insert on {} for each row execute function f()"
    given = {"tag": "CREATE TRIGGER", "own": True}
    there, new = statements(
        base(table("a")),
        migration("0002"),
        statement(create.format("a"), locks=[["1", "ShareRowExclusiveLock"]], **given),
        statement(create.format("made"), locks=[["99", "ShareRowExclusiveLock"]], **given),
    )
    assert there.locks == (Lock("SHARE ROW EXCLUSIVE", A),)
    assert [str(one.verdict) for one in there.troubles] == ["unknown"]
    assert (new.locks, new.troubles) == ((), ())


def test_tables_of_each_tenant_have_no_schema_and_stages_say_how_many_there_are() -> None:
    shared, tenants = stages_of(
        [
            base(table("a"), table("a", schema="acme")),
            migration("0002", code=("shop.fill",)),
            base(table("a"), table("a", schema="acme"), of="acme"),
            migration("0002", of="acme"),
            statement("x", locks=[["1", "ShareLock"], ["2", "ShareLock"]]),
            {"event": "broke", "error": "ProgrammingError: no"},
        ],
        {"acme": 12},
    )
    assert (shared.schema, shared.tenants, tenants.schema, tenants.tenants) == ("", 0, "acme", 12)
    assert shared.migrations[0].code == ("shop.fill",)
    (one,) = tenants.migrations
    assert one.statements[0].locks == (Lock("SHARE", Table("", "a")), Lock("SHARE", A))
    assert (one.broke, one.tried) == ("ProgrammingError: no", True)


def test_schema_and_tenant_may_be_called_shared() -> None:
    shared, tenant = stages_of(
        [
            base(table("a", schema="shared")),
            migration("0002"),
            statement("x", locks=[["1", "ShareLock"]]),
            base(table("a", schema="shared"), of="shared"),
            migration("0003", of="shared"),
            statement("y", locks=[["1", "ShareLock"]]),
        ],
        {"shared": 1},
    )
    assert [(one.schema, one.tenants) for one in (shared, tenant)] == [("", 0), ("shared", 1)]
    locks = [
        [lock.table for _, statement in stage.statements() for lock in statement.locks]
        for stage in (shared, tenant)
    ]
    assert locks == [[Table("shared", "a")], [Table("", "a")]]


def test_where_nothing_was_tried_only_the_operations_are_known() -> None:
    (stage,) = stages_of([migration("0002")], {})
    assert (stage.migrations[0].operations, stage.migrations[0].tried) == (("Do it",), False)
