"""How databases are migrated, and what has to be true of them then."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fairlead.config.kinds import Model, Name, Seconds


class Migrations(Model):
    """What brings the database to the release."""

    service: Name | None = None
    """Whose image migrates: the only service where there is one, else `backend`."""
    preset: Literal["auto", "django-tenants", "django", "command", "none"] = "auto"
    """Which commands: "auto" asks the image whether it has django-tenants, Django or neither;
    "command" runs `commands`."""
    commands: tuple[tuple[str, ...], ...] = ()
    """For the preset "command": each a list of words, run in this order, without a shell."""
    manage: tuple[str, ...] = ("python", "manage.py")
    """How Django's commands are begun."""
    timeout: Seconds = 900
    """Seconds for all commands together."""
    lock_timeout: Seconds = 5
    """Seconds that a statement waits for a lock."""
    tenants: Literal["fast", "stock"] = "fast"
    """How the tenants of a django-tenants project are migrated: in Fairlead's way, or by the
    project's own command ("stock"). What follows is for the fast way."""
    canary_tenants: tuple[str, ...] = ()
    """Tenants that are migrated before all others; if one fails no other one is begun."""
    parallel: int = Field(default=4, ge=1, le=64)
    """How many tenants are migrated at once."""
    max_failures: int = Field(default=10, ge=0)
    """How many tenants may fail before no other one is begun: 0 stops at the first, and those that
    are at work then end. A tenant that fails is as it was."""
    lock_attempts: int = Field(default=20, ge=1, le=1000)
    """How often a tenant is tried whose locks others hold."""
    may_shrink: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = {}
    """Tables that are counted, and which share of their rows a migration may take away:
    `orders` in each schema that has one, or `public.orders`; 0.0 is none."""
    not_valid: tuple[str, ...] = ()
    """Names of constraints that are left NOT VALID on purpose."""


class Check(Model):
    """One SELECT that is asked after each migration; what it answers decides about the release. No
    value of the data reaches a message."""

    sql: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    """One SELECT."""
    expect: bool | int | float | str | None = None
    """The single value that it has to answer; without it, it has to answer no row."""
    name: str | None = None
    """What messages call it, instead of the SQL."""
    each_tenant: bool = False
    """Ask it in the schema of each tenant: every schema with a django_migrations of its own but
    public."""

    @property
    def label(self) -> str:
        return self.name or f"`{' '.join(self.sql.split())[:80]}`"


class MigrationPolicy(Model):
    """What becomes of a release whose migrations are unsafe: it goes on and says so ("warn"), it
    waits for approval ("approve"), or it is refused before anything is touched.

    Unsafe is what the code that runs now cannot live with, whatever keeps others out of a table of
    more than `large_mb` (10**6 bytes) while it takes its time there, and what could not be tried.
    """

    unsafe: Literal["warn", "approve", "refuse"] = "warn"
    """The release goes on and says so, waits for approval, or is refused."""
    large_mb: float = Field(default=100, ge=0)
    """From how many megabytes (10**6 bytes) on a table is large."""

    @property
    def large(self) -> float:
        """In bytes."""
        return self.large_mb * 1e6
