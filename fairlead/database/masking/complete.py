"""No column without a rule, no rule that its column cannot have."""

from collections.abc import Mapping

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import Catalog
from fairlead.database.masking.fit import unfit
from fairlead.database.masking.propose import proposals
from fairlead.database.masking.rules import Matched, match
from fairlead.errors import MaskingIncomplete, MaskingUnfit


def complete(
    connection: Connection[DictRow], catalog: Catalog, rules: Mapping[str, MaskingRule]
) -> Matched:
    """Of production or of a copy, before anything is changed.

    Raises MaskingIncomplete with a proposal for each column that has no rule, MaskingUnfit.
    """
    matched = match(catalog, rules)
    objects = bool(catalog.large_objects) and matched.large_objects is None
    if matched.missing or objects:
        lines = proposals(connection, catalog, matched)
        raise MaskingIncomplete(catalog.database, lines, matched.unknown)
    problems = unfit(catalog, matched)
    if problems:
        raise MaskingUnfit(catalog.database, problems)
    return matched
