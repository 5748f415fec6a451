"""An environment's database, and how it is saved."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fairlead.config.kinds import BackupPlace, Model, Seconds, SecretReference, SshAddress


class Database(Model):
    """The application's database."""

    url: SecretReference
    """What the containers get as DATABASE_URL."""
    direct_url: SecretReference | None = None
    """How Fairlead reaches the same database, where `url` has a name that only containers know. It
    has to name the same database."""
    via: SshAddress | None = None
    """The SSH host that it is reached through, where only that one may."""


class BackupSettings(Model):
    """How the database is saved before it is migrated, and where to."""

    kind: Literal["none", "dump", "template", "command"] = "dump"
    """By pg_dump, by a copy on the same server ("template": nobody may be connected), or by a
    program of yours ("command")."""
    place: BackupPlace | None = None
    """A folder, or s3://bucket/prefix; `backups` in Fairlead's own folder where not given."""
    endpoint: Annotated[str, StringConstraints(pattern=r"^https?://")] | None = None
    """Where the bucket is, if not at AWS."""
    region: str | None = None
    """The bucket's."""
    access_key: SecretReference | None = None
    """Of the bucket; without the two keys, boto3 looks where it always does."""
    secret_key: SecretReference | None = None
    """The other half of `access_key`."""
    command: tuple[str, ...] = ()
    """For the kind "command": what is run, as a list of words. The last line that it prints names
    the backup."""
    jobs: int = Field(default=2, ge=1, le=64)
    """How many connections pg_dump and pg_restore use."""
    drill: bool = False
    """Restore each backup into a scratch database, and compare."""
    programs: str | None = None
    """The folder of pg_dump and pg_restore, where they are not found."""
    keep: int = Field(default=5, ge=1, le=1000)
    """How many of the newest stay. One that was made before one of the `keep_releases` last
    releases stays too."""
    keep_days: int = Field(default=0, ge=0, le=3650)
    """What is younger than so many days stays as well."""
    timeout: Seconds = 3600
    """Seconds for all of it."""
