"""What a statement changes that no table's shape shows: what the code's own statements do; pure."""

import re
from collections.abc import Iterator

from fairlead.database.preview.judge import CODE
from fairlead.database.preview.model import Trouble, Verdict

# Texts, names and comments, in which words mean nothing; bodies of functions are texts.
# https://www.postgresql.org/docs/current/sql-syntax-lexical.html
QUOTED = re.compile(
    r"""\be'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"
    |(?<![\w$])(\$(?:[a-z_]\w*)?\$).*?\1|--[^\n]*|/\*.*?\*/""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
# Statements of the schema of which nothing is left to be read: what they do is seen in the shapes
# of tables, is told below, or is only added.
KNOWN = re.compile(
    r"(ALTER|CREATE|DROP) (FOREIGN TABLE|TABLE|INDEX|FUNCTION|PROCEDURE|ROUTINE|AGGREGATE)"
    r"|(ALTER|CREATE|DROP) (TRIGGER|RULE|POLICY)|(CREATE|DROP) (MATERIALIZED )?VIEW"
    r"|CREATE (SCHEMA|SEQUENCE|TYPE|DOMAIN|EXTENSION|STATISTICS|COLLATION)"
    r"|COMMENT|SET( CONSTRAINTS)?|RESET|GRANT"
)
READ = "the project's own SQL: read it"
# Of tables that the code knows: on what is new they change nothing for it.
OF_TABLES = (
    (
        r"(create|alter|drop) (or replace )?(constraint )?trigger|(en|dis)able (\w+ )?trigger",
        Verdict.UNKNOWN,
        f"a trigger changes what happens where {CODE} writes: read it",
    ),
    (
        r"(create|alter|drop) (or replace )?rule|(en|dis)able (\w+ )?rule",
        Verdict.UNKNOWN,
        f"a rule changes what statements of {CODE} do: read it",
    ),
    (
        r"(create|alter) policy|(enable|(?<!no )force) row level security",
        Verdict.MAY_BREAK,
        f"row level security may hide rows from {CODE}, and refuse what it writes",
    ),
    (
        r"drop policy|(disable|no force) row level security",
        Verdict.UNKNOWN,
        f"row level security hides other rows from {CODE} than before: read it",
    ),
    (
        r"create or replace (\w+ )?view",
        Verdict.UNKNOWN,
        f"a view that {CODE} may read is not what it was: read it",
    ),
)
OF_ALL = (
    (
        r"(create or replace|alter|drop) (function|procedure|routine|aggregate)",
        Verdict.UNKNOWN,
        f"a function that {CODE} may call is not what it was: read it",
    ),
)


def effects(sql: str, tag: str, *, own: bool, of_known: bool) -> Iterator[Trouble]:
    """`tag` is what the server says it was, of several statements one. `own` is SQL that the
    project has written itself; `of_known` says that it locks a table that was there before."""
    plain = " ".join(QUOTED.sub(" ", sql).split())
    if own and (KNOWN.fullmatch(tag) is None or ";" in plain.rstrip("; ")):
        yield Trouble(Verdict.UNKNOWN, READ)
    for pattern, verdict, words in (*(OF_TABLES if of_known else ()), *OF_ALL):
        if re.search(rf"\b({pattern})\b", f"{tag}; {plain}", re.IGNORECASE):
            yield Trouble(verdict, words)
