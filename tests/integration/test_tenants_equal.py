"""What is left in every schema is what a plain migrate_schemas would have left."""

from pathlib import Path

import pytest

from examples.stand.postgres import Postgres
from tests.bench import matrix
from tests.bench.many import DJANGOS, Ended, Many, contents, copy_database, interpreter, project

# Plain schema SQL, which is recorded once and replayed.
REPLAYED = {
    "matrix.0002_create",
    "matrix.0003_add_fields",
    "matrix.0004_alter_fields",
    "matrix.0005_rename",
    "matrix.0006_options",
    "matrix.0007_indexes",
    "matrix.0008_constraints",
    "matrix.0009_many_and_remove",
    "matrix.0013_state_apart",
    "matrix.0015_not_valid",
    "matrix.0018_after",
    "matrix.0020_end",
    "pressed.0003_steam",
    "shop.0002_stock",
    "shop.0003_review",
    "shop.0004_index",
}
BY_DJANGO = {
    "matrix.0010_sql": "RunSQL with BEGIN",
    "matrix.0011_python": "RunPython",
    "matrix.0012_called_default": "the default of serial is called",
    "matrix.0014_concurrently": "atomic = False",
    "matrix.0016_own_operation": "Remark",
    "matrix.0017_mixed": "RunPython",
    "matrix.0019_names_a_tenant": "its SQL names longest_named",
    "shop.0005_labels": "RunPython",
}


@pytest.mark.parametrize("editors", [False, True], ids=["django's", "the project's too"])
@pytest.mark.parametrize("django", DJANGOS)
def test_every_schema_is_as_the_plain_command_leaves_it(
    django: str, editors: bool, postgres: Postgres, tmp_path: Path
) -> None:
    python, name = interpreter(django), f"matrix_{django.replace('.', '_')}_{editors}".lower()
    matrix.make_base(postgres.url(), name, python, tmp_path / "before")
    after = project(tmp_path / "after", {})
    environ = {**matrix.APPS, **({"EDITORS": "1"} if editors else {})}
    plain, fast = (
        Many(python, after, copy_database(postgres.url(), name, f"{name}_{way}"), environ)
        for way in ("plain", "fast")
    )
    plain.stock()
    run = fast.ours()
    assert run.code == 0, run.output
    _went_both_ways(run)
    left = contents(fast.url)
    assert len(left) > 5000
    assert left == contents(plain.url)
    again = fast.ours()
    assert (again.of("begun")[0]["behind"], again.code) == (0, 0)
    assert contents(fast.url) == left


def test_permissions_are_written_by_one_statement_where_only_django_makes_them(
    postgres: Postgres, tmp_path: Path
) -> None:
    for django in DJANGOS:
        python, name = interpreter(django), f"small_{django.replace('.', '_')}"
        matrix.make_base(postgres.url(), name, python, tmp_path / name / "before")
        after = project(tmp_path / name / "after", {})
        plain, fast = (
            Many(python, after, copy_database(postgres.url(), name, f"{name}_{way}"))
            for way in ("plain", "fast")
        )
        plain.stock()
        run = fast.ours()
        assert {recipe["permissions"] for recipe in run.of("recipe")} == {"replayed"}
        assert contents(fast.url) == contents(plain.url), django


def test_a_project_that_does_something_of_its_own_before_takes_the_plain_command(
    postgres: Postgres, tmp_path: Path
) -> None:
    python, name = interpreter("5.2"), "matrix_plans"
    matrix.make_base(postgres.url(), name, python, tmp_path / "before")
    after = project(tmp_path / "after", {})
    environ = {**matrix.APPS, "PLANS": "1", "EDITORS": "1"}
    plain, fast = (
        Many(python, after, copy_database(postgres.url(), name, f"{name}_{way}"), environ)
        for way in ("plain", "fast")
    )
    plain.stock()
    run = fast.ours(canaries=["gamma"])
    assert run.code == 0, run.output
    assert run.of("recipe") == []
    assert run.tenants("done")[0] == "gamma"
    left = contents(fast.url)
    assert left == contents(plain.url)
    assert any("matrix.0020_end" in line for line in left if line.startswith("INSERT"))


def _went_both_ways(run: Ended) -> None:
    usual = next(one for one in run.of("recipe") if one["canary"] == "longest_named")
    assert set(usual["replayed"]) == REPLAYED
    assert usual["by_django"] == BY_DJANGO
    assert len(run.of("recipe")) == 3
    assert len(run.tenants("done")) == 8
