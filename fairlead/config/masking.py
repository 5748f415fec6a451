"""What becomes of each column when data leaves production."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from fairlead.config.kinds import Model, SecretReference


def _rule(value: Any) -> Any:
    """`"keep"` or `{ hash = "email" }`, as the fields of a MaskingRule."""
    if isinstance(value, str) and value in WORDS:
        return {"way": value}
    if isinstance(value, Mapping) and len(value) == 1:
        ((way, argument),) = value.items()
        if way in ARGUMENTS and ARGUMENTS[way](argument):
            return {"way": way, "argument": argument}
    raise ValueError(
        'should be "keep", "null", "shuffle", "empty" (of a whole table), { hash = "email" }, '
        '{ fake = "name" }, { constant = "x" }, { shift_days = 30 } or { sql = "…" }'
    )


WORDS = ("keep", "null", "shuffle", "empty")
FAKES = ("name", "first_name", "last_name", "company", "street", "city", "address", "words")
ARGUMENTS: Mapping[str, Callable[[Any], bool]] = {
    "hash": lambda given: bool(re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(given))),
    "fake": lambda given: given in FAKES,
    "constant": lambda given: isinstance(given, str | int | float),
    "shift_days": lambda given: type(given) is int and 1 <= given <= 3650,
    "sql": lambda given: isinstance(given, str) and bool(given.strip()),
}
# A pattern covers columns that nobody has seen yet: it may only do what shows nothing of them.
OF_A_TABLE, OF_A_COLUMN = ("empty",), ("null", "hash", "fake", "constant")
LARGE_OBJECTS = "pg_largeobject.*"


def _rule_names(rules: Mapping[str, "MaskingRule"]) -> Mapping[str, "MaskingRule"]:
    for name, rule in rules.items():
        if name == LARGE_OBJECTS:
            fits, may = rule.way in ("keep", "empty"), '"keep" or "empty"'
        elif name.endswith(".*"):
            fits, may = rule.way in OF_A_TABLE, '"empty": it is for columns that come later too'
        elif name.startswith("*."):
            fits, may = rule.way in OF_A_COLUMN, "null, hash, fake or constant: nothing is kept"
        else:
            fits, may = rule.way != "empty" and "." in name, 'of "table.column", and "empty" of .*'
        if not fits:
            raise ValueError(f'the rule "{name}" has to be {may}')
    return rules


class MaskingRule(Model):
    """What becomes of a column: `way` is keep, null, shuffle, empty, hash, fake, constant,
    shift_days or sql, and `argument` what that one says."""

    way: str
    argument: str | int | float | bool | None = None


class Masking(Model):
    """What becomes of each column when production's data leaves production.

    `rules` are by `"table.column"` in every schema, or `"schema.table.column"` in one;
    `"table.*" = "empty"` has all rows gone, `"*.column"` is of every table. A name with a dot, a
    star or a quotation mark in it is written as SQL quotes it. A column without a rule stops the
    refresh.

    - "keep", "null"; "shuffle": the values stay and change places, NULL stays where it is.
    - hash: equal stays equal, in all columns of one meaning. The meanings email, phone, iban, card,
      uuid, ip, url and password make what looks like that; any other makes what fits the type.
    - fake: a word of a list, the same for the same value.
    - shift_days: up to so many days earlier or later, never none.
    - constant: also where it was NULL. sql: an expression of the row's columns.
    """

    key: SecretReference
    """What values are hashed with: with another one all are others."""
    parallel: int = Field(default=2, ge=1, le=64)
    """How many tables are masked at once."""
    rules: Annotated[
        Mapping[str, Annotated[MaskingRule, BeforeValidator(_rule)]], AfterValidator(_rule_names)
    ] = {}
    """By `"table.column"` in every schema, or `"schema.table.column"` in one."""
