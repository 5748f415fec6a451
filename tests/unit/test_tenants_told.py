"""What people, the store and Prefect hear of tenants, and how a tenant's way is cut; pure."""

from types import SimpleNamespace

from fairlead.config import Migrations
from fairlead.database.presets import brings_tenants
from fairlead.database.tenants.fast import Told, Watch, options
from fairlead.database.tenants.inside import applied, recipe
from fairlead.database.tenants.inside_job import Event
from fairlead.model import TenantMigration


def tenant(name: str, state: str, done: int, of: int, **given: object) -> Event:
    usual = {"seconds": 0.1, "attempt": 1, "at": "", "error": "", "failed": 0}
    fields = {**usual, "tenant": name, "state": state, "done": done, "of": of, **given}
    return {"event": "tenant", **fields}


def test_progress_is_said_in_twenty_steps_and_each_tenant_is_kept_once() -> None:
    said, kept, seen = list[str](), list[TenantMigration](), list[tuple[int, int]]()
    told = Told(Watch(said.append, keep=kept.extend, progress=lambda *two: seen.append(two)))
    for at in range(100):
        told.take(tenant(f"t{at}", "done", at + 1, 100))
    told.flush()
    assert len(said) == len(seen) == 20
    assert (said[0], said[-1]) == (
        "tenants: 5 of 100 done, 0 failed",
        "tenants: 100 of 100 done, 0 failed",
    )
    assert [one.tenant for one in kept] == [f"t{at}" for at in range(100)]


def test_a_tenant_that_fails_is_said_and_kept_with_the_migration_and_the_error() -> None:
    said, kept = list[str](), list[TenantMigration]()
    told = Told(Watch(said.append, keep=kept.extend))
    told.take(tenant("acme", "failed", 0, 9, at="shop.0002", error="DataError: no", attempt=2))
    told.flush()
    assert said == ["acme failed, attempt 2 at shop.0002: DataError: no"]
    assert kept == [TenantMigration("acme", "failed", 0.1, 2, "shop.0002", "DataError: no")]


def test_each_migration_of_a_recipe_is_applied_and_what_is_not_replayed_says_why() -> None:
    said, names = list[str](), list[str]()
    told = Told(Watch(said.append, applied=names.append))
    shown = {"replayed": ["a.0001", "a.0002"], "by_django": {"a.0003": "RunPython"}}
    told.take({"event": "recipe", "canary": "acme", "permissions": "replayed", **shown})
    assert names == ["a.0001", "a.0002", "a.0003"]
    assert said == [
        "acme shows the way: 2 replayed",
        "    by Django in each tenant: a.0003 (RunPython)",
    ]


def test_each_command_is_said_and_only_what_it_printed_is_its_tail() -> None:
    said = list[str]()
    told = Told(Watch(said.append))
    shared, tenants = ["manage.py", "migrate_schemas", "--shared"], ["migrate_schemas", "--tenant"]
    told.take({"event": "command", "command": shared})
    told.hear("Applying shop.0001... OK")
    assert (told.command, list(told.tail)) == (tuple(shared), ["Applying shop.0001... OK"])
    told.take({"event": "command", "command": tenants})
    told.hear("no more")
    assert list(told.tail) == ["no more"]
    assert said == [
        "$ manage.py migrate_schemas --shared",
        "Applying shop.0001... OK",
        "$ migrate_schemas --tenant",
        'instead, by Fairlead: only tenants that are behind (tenants = "fast")',
        "no more",
    ]


def test_a_lock_is_never_waited_for_longer_than_half_a_second() -> None:
    assert options(Migrations(), [])["lock_timeout"] == 0.5
    assert options(Migrations(lock_timeout=0.2), [])["lock_timeout"] == 0.2


def test_only_the_command_for_the_tenants_is_replaced() -> None:
    assert brings_tenants(("python", "manage.py", "migrate_schemas", "--tenant", "--noinput"))
    assert not brings_tenants(("python", "manage.py", "migrate_schemas", "--shared"))
    assert not brings_tenants(("python", "manage.py", "create_super_tenant", "--no-input"))


def step(name: str, atomic: bool = True) -> recipe.Step:
    return recipe.Step(SimpleNamespace(app_label="a", name=name, atomic=atomic), (("a", name),))


def test_a_migration_without_a_transaction_stands_alone_and_the_end_is_a_transaction() -> None:
    had = frozenset({("a", "1")})
    cut = recipe.segments(had, [step("2"), step("3"), step("4", atomic=False)])
    names = [[one.migration.name for one in segment.steps] for segment in cut]
    assert names == [["2", "3"], ["4"], []]
    assert [segment.atomic for segment in cut] == [True, False, True]
    expected = [{"1"}, {"1", "2", "3"}, {"1", "2", "3", "4"}]
    assert [segment.digest for segment in cut] == [
        applied.digest({("a", name) for name in names}) for names in expected
    ]


def test_nothing_applied_has_no_digest_as_in_postgresql() -> None:
    assert applied.digest(frozenset()) is None
