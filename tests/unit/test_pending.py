"""What is pending, from what the program inside a container tells."""

import ast
import json
from pathlib import Path

from fairlead.database.pending import PendingMigration, pending_of
from fairlead.database.tenants import inside
from fairlead.database.tenants.inside_job import Event, command, event_of

SOURCES = sorted(Path(str(inside.__file__)).parent.glob("*.py"))


def state(of: str, tenants: int, *pending: str, named: tuple[str, ...] = ()) -> Event:
    keys = [name.split(".") for name in pending]
    fields = {"pending": keys, "squashed": [], "tenants": tenants, "named": list(named)}
    fields |= {"kind": "", "begun": True}
    return {"event": "state", "of": of, **fields}


def test_tenants_behind_are_counted_for_each_migration() -> None:
    found = pending_of(
        [
            state("shared", 0, "shop.0002"),
            state("tenants", 7),
            state("tenants", 2, "shop.0002", named=("a", "b")),
            state("tenants", 1, "shop.0001", "shop.0002", named=("c",)),
            {"event": "missing", "tenants": ["d"]},
            {"event": "planned"},
        ]
    )
    assert found.migrations == (
        PendingMigration("shop", "0002", shared=True, tenants=3),
        PendingMigration("shop", "0001", shared=False, tenants=1),
    )
    assert (found.tenants, found.at_head) == (11, 7)
    assert (found.behind, found.missing) == (("a", "b", "c"), ("d",))
    assert found.anything


def test_nothing_is_pending_where_all_are_at_head() -> None:
    found = pending_of([state("shared", 0), state("tenants", 300), {"event": "planned"}])
    assert not found.anything
    assert (found.tenants, found.at_head, found.behind) == (300, 300, ())


def test_squashed_rows_alone_change_no_table() -> None:
    only_rows = {**state("tenants", 2, named=("a",)), "squashed": [["shop", "0001_squashed"]]}
    found = pending_of([state("shared", 0), only_rows])
    assert not found.anything
    assert (found.squashed, found.at_head) == (True, 0)


def test_an_event_is_read_behind_a_line_that_a_migration_left_open() -> None:
    assert event_of('half a line@fairlead {"event": "planned"}') == {"event": "planned"}
    for line in ("a line", "@fairlead not JSON", '@fairlead ["event"]', '@fairlead {"a": 1}'):
        assert event_of(line) is None


def test_the_images_own_interpreter_runs_the_program() -> None:
    path = "/fairlead-inside.pyz"
    assert command(("manage.py",), "plan", {}) == ["python", path, "plan", "{}", "manage.py"]
    wrapped = command(("poetry", "run", "python", "src/manage.py"), "plan", {"a": 1})
    assert wrapped == [
        "poetry",
        "run",
        "python",
        path,
        "plan",
        json.dumps({"a": 1}),
        "src/manage.py",
    ]


def test_what_runs_inside_is_written_for_python_3_8() -> None:
    assert SOURCES
    for source in SOURCES:
        tree = ast.parse(source.read_text(), str(source), feature_version=(3, 8))
        later = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        if len(tree.body) > 1:
            assert any(node.module == "__future__" for node in later), source
