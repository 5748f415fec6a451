"""Which commands migrate, from what the image says it has."""

import pytest

from fairlead.config import Migrations
from fairlead.database.migrate import begun
from fairlead.database.presets import Abilities, Choice, choose
from fairlead.errors import PresetUnfit

NOINPUT = ["--fake-initial", "--noinput", "--no-input", "--database"]
TENANTS = {
    "migrate_schemas": [*NOINPUT, "--shared", "--tenant", "--schema"],
    "create_super_tenant": ["--no-input", "--noinput"],
    "migrate": NOINPUT,
}
SHARED = ("python", "manage.py", "migrate_schemas", "--shared", "--fake-initial", "--noinput")
SUPER = ("python", "manage.py", "create_super_tenant", "--no-input")
EACH = ("python", "manage.py", "migrate_schemas", "--tenant", "--noinput")
PLAIN = ("python", "manage.py", "migrate", "--fake-initial", "--noinput")
AUTO_TENANTS = "preset auto: django-tenants, the image has migrate_schemas"
AUTO_DJANGO = "preset auto: django, the image has manage.py and no migrate_schemas"


@pytest.mark.parametrize(
    ("migrations", "abilities", "expected"),
    [
        (
            Migrations(preset="none"),
            Abilities(TENANTS),
            Choice((), ("preset none: nothing is migrated",)),
        ),
        (
            Migrations(preset="command", commands=(("alembic", "upgrade", "head"),)),
            Abilities(None),
            Choice(
                (("alembic", "upgrade", "head"),), ("preset command: the list of the config",)
            ),
        ),
        (
            Migrations(),
            Abilities(TENANTS),
            Choice((SHARED, SUPER, EACH), (AUTO_TENANTS,), django=True),
        ),
        (
            Migrations(),
            Abilities({"migrate": NOINPUT}),
            Choice((PLAIN,), (AUTO_DJANGO,), django=True),
        ),
        (
            Migrations(),
            Abilities(None, "the image has no manage.py"),
            Choice((), ("preset auto: the image has no manage.py, nothing is migrated",)),
        ),
        (
            Migrations(preset="django"),
            Abilities(TENANTS),
            Choice((PLAIN,), ("preset django: named in the config",), django=True),
        ),
        (
            Migrations(),
            Abilities(None, "the image cannot run python"),
            Choice(
                (), ("preset auto: the image cannot run python, nothing is migrated",)
            ),
        ),
        (
            Migrations(manage=("uv", "run", "src/manage.py")),
            Abilities({"migrate": NOINPUT}),
            Choice(
                (("uv", "run", "src/manage.py", "migrate", "--fake-initial", "--noinput"),),
                (AUTO_DJANGO,),
                django=True,
            ),
        ),
    ],
)  # fmt: skip
def test_the_preset_decides_what_is_run(
    migrations: Migrations, abilities: Abilities, expected: Choice
) -> None:
    assert choose(migrations, abilities) == expected


def test_a_command_the_project_does_not_have_is_left_out_and_said_so() -> None:
    has = {name: flags for name, flags in TENANTS.items() if name != "create_super_tenant"}
    assert choose(Migrations(), Abilities(has)) == Choice(
        (SHARED, EACH),
        (AUTO_TENANTS, "left out: create_super_tenant, the project has no such command"),
        django=True,
    )


def test_a_flag_the_command_does_not_take_is_left_out_and_said_so() -> None:
    has = {**TENANTS, "create_super_tenant": [], "migrate_schemas": ["--shared", "--tenant"]}
    assert choose(Migrations(), Abilities(has)) == Choice(
        (
            ("python", "manage.py", "migrate_schemas", "--shared"),
            ("python", "manage.py", "create_super_tenant"),
            ("python", "manage.py", "migrate_schemas", "--tenant"),
        ),
        (
            AUTO_TENANTS,
            "left out: --fake-initial of migrate_schemas, which does not take it",
            "left out: --noinput of migrate_schemas, which does not take it",
            "left out: --no-input of create_super_tenant, which does not take it",
            "left out: --noinput of migrate_schemas, which does not take it",
        ),
        django=True,
    )


def test_a_flag_is_spelled_as_the_command_takes_it() -> None:
    has = {"migrate": ["--fake-initial", "--no-input"]}
    assert choose(Migrations(), Abilities(has)).commands == (
        ("python", "manage.py", "migrate", "--fake-initial", "--no-input"),
    )


def test_a_flag_that_decides_what_is_done_is_never_left_out() -> None:
    has = {"migrate_schemas": ["--noinput"]}
    assert choose(Migrations(), Abilities(has)).commands == (
        ("python", "manage.py", "migrate_schemas", "--shared", "--noinput"),
        ("python", "manage.py", "migrate_schemas", "--tenant", "--noinput"),
    )


def test_named_preset_that_the_image_cannot_run_is_an_error() -> None:
    with pytest.raises(PresetUnfit, match="The preset django cannot migrate: the image has no"):
        choose(Migrations(preset="django"), Abilities(None, "the image has no manage.py"))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("  Applying shop.0001_initial... OK", "shop.0001_initial"),
        ("[standard:acme]   Applying shop.0002_stock...", "shop.0002_stock"),
        ("INFO  [alembic.runtime.migration] Running upgrade  -> 1f2a, create links", "1f2a"),
        ("Running upgrade 1f2a, 2b3c -> 4d5e", "4d5e"),
        ("Running downgrade 4d5e -> 1f2a", None),
        ("Running migrations:", None),
    ],
)
def test_what_begins_is_read_from_the_lines_of_django_and_of_alembic(
    line: str, name: str | None
) -> None:
    assert begun(line) == name


def test_only_of_commands_of_the_projects_own_nobody_knows_what_they_did() -> None:
    own = Migrations(preset="command", commands=(("alembic", "upgrade", "head"),))
    assert not choose(own, Abilities(None)).tells
    assert choose(Migrations(), Abilities(TENANTS)).tells
    assert choose(Migrations(preset="none"), Abilities(None)).tells
