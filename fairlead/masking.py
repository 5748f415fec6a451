"""The rules of a project's masking, and the database that they are for."""

from collections.abc import Sequence

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import read_catalog
from fairlead.database.masking.complete import complete
from fairlead.database.masking.reading import reading
from fairlead.errors import MaskingIncomplete
from fairlead.project import Project
from fairlead.saving import translated, way_to

HEAD = """\
# What becomes of each column of {database} when it leaves {environment}, as its names and some of
# its values suggest. Look at each line: what is kept is shown as it is.
"""
KEY = """\
[masking]
key = "env:MASKING_KEY"                # with another one all values are others

[masking.rules]
"""
DONE = "# Every column of {environment} has a rule that it can have."


def proposed_rules(project: Project, environment: str) -> str:
    """TOML for every column of the database of `environment` that has no rule in the config.

    Raises DatabaseUnreachable, NotReadOnly, MaskingUnfit, CannotSave where there is no database.
    """
    masking = project.config.masking
    given: dict[str, MaskingRule] = dict(masking.rules) if masking else {}
    with (
        way_to(project, environment) as conninfo,
        translated(environment, conninfo),
        reading(environment, conninfo) as connection,
    ):
        catalog = read_catalog(connection)
        try:
            unknown = complete(connection, catalog, given).unknown
        except MaskingIncomplete as incomplete:
            head = HEAD.format(database=catalog.database, environment=environment)
            whole = "" if masking else f"\n{KEY}"
            return f"{head}{whole}" + "\n".join([*incomplete.lines, *_gone(incomplete.unknown)])
    return "\n".join([DONE.format(environment=environment), *_gone(unknown)])


def _gone(unknown: Sequence[str]) -> list[str]:
    return [f"# There is no column for the rule {name}." for name in unknown]
