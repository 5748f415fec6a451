"""Another environment's data in the place of an environment's own."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fairlead.config.kinds import Cron, Model, Name, Seconds, SecretReference


class CarriedRows(Model):
    """Rows of the environment's own that survive a refresh."""

    table: Annotated[str, StringConstraints(min_length=1)]
    """The table, in every schema that has it."""
    where: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)] = "true"
    """An SQL condition that holds for them."""


class RefreshSettings(Model):
    """Another environment's data, masked, in the place of this one's: each night, or by hand."""

    source: Name = Field(alias="from")
    """Whose data. It is only read."""
    read: Literal["database", "backup"] = "database"
    """What is read: its database, or its newest proven dump, and then the database only for its
    catalog and for samples."""
    url: SecretReference | None = None
    """A replica of it, or a role that may only read; the `database` of `from` where not given."""
    at: Cron = "0 0 * * *"
    """When, in the config's time zone."""
    jobs: int = Field(default=2, ge=1, le=64)
    """How many connections read, and how many write."""
    rate_mb: float = Field(default=0, ge=0, le=1_000_000)
    """How many megabytes (10**6 bytes) a second are read at most; 0 is as fast as it goes."""
    leave_out: tuple[str, ...] = ()
    """Tables whose rows are not taken, in every schema."""
    tenants: tuple[str, ...] = ()
    """Only these tenants' schemas, and the shared ones; empty, all."""
    carry: tuple[CarriedRows, ...] = ()
    """Rows of this environment's own that survive."""
    carry_tenants: tuple[str, ...] = ()
    """Tenants of this environment's own that survive whole."""
    restart: tuple[Name, ...] = ()
    """Services that are restarted after the swap, one container after the other; others are where
    they are not healthy by themselves."""
    keep_days: int = Field(default=7, ge=0, le=3650)
    """For how many days the database of before stays."""
    timeout: Seconds = 21_600
    """Seconds for all of it."""
