"""Which commands bring the database to the release: pure, from what the image says it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlead.config import Migrations
from fairlead.errors import PresetUnfit

Command = tuple[str, ...]

DJANGO: tuple[Command, ...] = (("migrate", "--fake-initial", "--noinput"),)
DJANGO_TENANTS: tuple[Command, ...] = (
    ("migrate_schemas", "--shared", "--fake-initial", "--noinput"),
    ("create_super_tenant", "--no-input"),
    ("migrate_schemas", "--tenant", "--noinput"),
)
OPTIONAL = {"--fake-initial", "--noinput", "--no-input"}
TO_RUN = "to run: "
SPELLINGS = {"--noinput": "--no-input", "--no-input": "--noinput"}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the image's Django has: management command → its options; None without manage.py."""

    commands: Mapping[str, Sequence[str]] | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The commands to run in order, and why these, a line each. `django` says that they are those
    of Django, which then knows what is pending."""

    commands: tuple[Command, ...]
    reasons: tuple[str, ...]
    django: bool = False

    @property
    def tells(self) -> bool:
        """False where commands of the project's own may apply something and not say so."""
        return self.django or not self.commands

    @property
    def lines(self) -> tuple[str, ...]:
        """The whole choice as the log has it, before anything is run."""
        return (*self.reasons, *(f"{TO_RUN}{' '.join(command)}" for command in self.commands))


def choose(migrations: Migrations, abilities: Abilities) -> Choice:
    """What to run for the preset. A command or an optional flag that the project does not have is
    left out, and the reasons say so. Raises PresetUnfit for a preset that was named in the config
    and that the image cannot run at all."""
    if migrations.preset == "none":
        return Choice((), ("preset none: nothing is migrated",))
    if migrations.preset == "command":
        return Choice(migrations.commands, ("preset command: the list of the config",))
    if abilities.commands is None and migrations.preset == "auto":
        return Choice((), (f"preset auto: {abilities.why}, nothing is migrated",))
    if abilities.commands is None:
        raise PresetUnfit(migrations.preset, abilities.why)
    name, reason = _preset(migrations.preset, abilities.commands)
    wanted = DJANGO_TENANTS if name == "django-tenants" else DJANGO
    return _fitted(wanted, migrations.manage, abilities.commands, reason)


def brings_tenants(command: Command) -> bool:
    """True for the command that Fairlead's own way replaces."""
    return "migrate_schemas" in command and "--tenant" in command


def _preset(preset: str, has: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    if preset != "auto":
        return preset, f"preset {preset}: named in the config"
    if "migrate_schemas" in has:
        return "django-tenants", "preset auto: django-tenants, the image has migrate_schemas"
    return "django", "preset auto: django, the image has manage.py and no migrate_schemas"


def _fitted(
    wanted: Sequence[Command], manage: Command, has: Mapping[str, Sequence[str]], reason: str
) -> Choice:
    commands, reasons = [], [reason]
    for name, *flags in wanted:
        if name not in has:
            reasons.append(f"left out: {name}, the project has no such command")
            continue
        kept = []
        for flag in flags:
            spelled = _spelled(flag, has[name])
            if spelled is None:
                reasons.append(f"left out: {flag} of {name}, which does not take it")
            else:
                kept.append(spelled)
        commands.append((*manage, name, *kept))
    return Choice(tuple(commands), tuple(reasons), django=bool(commands))


def _spelled(flag: str, has: Sequence[str]) -> str | None:
    """The flag as the command takes it. One that decides what is done is never left out."""
    if flag in has or flag not in OPTIONAL:
        return flag
    other = SPELLINGS.get(flag)
    return other if other in has else None
