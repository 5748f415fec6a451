"""The way to the database that is read: that of the other environment, or one of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from fairlead.config import Database
from fairlead.database.reach import asked
from fairlead.project import Project
from fairlead.saving import way_to


@contextmanager
def way_of_source(project: Project, environment: str) -> Iterator[str]:
    """A conninfo. Raises SecretMissing, CannotSave, DatabaseUnreachable."""
    settings = project.config.environment(environment).refresh
    assert settings is not None, "whoever asks has seen that there is one"
    if settings.url is None:
        with way_to(project, settings.source) as conninfo:
            yield conninfo
        return
    theirs = project.config.environment(settings.source).database
    database = Database(url=settings.url, via=theirs.via if theirs else None)
    with asked(settings.source, database, project.secrets.resolve(settings.url)) as conninfo:
        yield conninfo
