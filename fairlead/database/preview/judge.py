"""What of a preview an operator has to know before it is done; pure."""

import hashlib
import json
import re
from dataclasses import dataclass

from fairlead.database.preview.model import (
    Preview,
    Size,
    Statement,
    Verdict,
    Work,
    WorkKind,
)
from fairlead.model import size

CODE = "the code that runs now"
INSERT = re.compile(r"\s*insert\b(?!.*\bselect\b)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """`migration` is empty where it is about all of them; `sql` is the statement, if it is one."""

    migration: str
    words: str
    sql: str = ""

    def __str__(self) -> str:
        return f"{self.migration}: {self.words}" if self.migration else self.words


def unsafe(preview: Preview, large: float) -> list[Finding]:
    """What the policy of an environment is about: what could not be tried, what the code that runs
    now cannot live with, and whatever keeps others out of a table of more than `large` bytes while
    it takes its time there."""
    broken = breaking(preview, Verdict.BREAKS)
    return [*untried(preview), *broken, *blocking(preview, large)]


def untried(preview: Preview) -> list[Finding]:
    found = []
    if preview.blind and not preview.first:
        found.append(Finding("", f"could not be tried: {preview.blind}"))
    for stage in preview.stages:
        for one in stage.migrations:
            if one.broke:
                found.append(Finding(str(one), f"could not be run to its end: {one.broke}"))
    return list(dict.fromkeys(found))


def breaking(preview: Preview, verdict: Verdict) -> list[Finding]:
    found = [
        Finding(str(migration), trouble.words, statement.sql)
        for stage in preview.stages
        for migration, statement in stage.statements()
        for trouble in statement.troubles
        if trouble.verdict is verdict
    ]
    return list(dict.fromkeys(found))


def blocking(preview: Preview, large: float) -> list[Finding]:
    """Of tenants in several states, the largest table each. What writes rows keeps nobody out by
    itself, but locks of statements before it do: they last as long as the transaction."""
    found: dict[tuple[str, ...], tuple[int, Finding]] = {}
    for stage in preview.stages:
        for migration, statement in stage.statements():
            for work in statement.works:
                now = stage.size(work.table)
                if now is None or now.bytes <= large or _adds(statement, work):
                    continue
                key = (str(migration), statement.sql, work.kind, str(work.table))
                words = _waiting(statement, work, now)
                if words and found.get(key, (0,))[0] < now.bytes:
                    found[key] = now.bytes, Finding(str(migration), words, statement.sql)
    return [finding for _, finding in found.values()]


def unread(preview: Preview) -> list[Finding]:
    """What nobody but its author knows: code, and SQL of the project's own."""
    found = [
        Finding(str(migration), f"runs {name}")
        for stage in preview.stages
        for migration in stage.migrations
        for name in migration.code
    ]
    return list(dict.fromkeys([*found, *breaking(preview, Verdict.UNKNOWN)]))


def digest(preview: Preview, large: float) -> str:
    """The same for a preview of the same work: sizes and how many tenants there are do not count,
    what is unsafe because of them does."""
    stages = [
        [str(one), one.code, one.broke, [each.sql for each in one.statements]]
        for stage in preview.stages
        for one in stage.migrations
    ]
    breaks, blocks = breaking(preview, Verdict.BREAKS), blocking(preview, large)
    found = [sorted({(one.migration, one.sql) for one in each}) for each in (breaks, blocks)]
    text = json.dumps([sorted(map(json.dumps, stages)), found, bool(preview.blind)])
    return hashlib.sha256(text.encode()).hexdigest()


def headline(preview: Preview, pending: str, large: float) -> str:
    """One line, of which `pending` is the beginning."""
    if preview.first:
        return f"{pending}; nothing is applied there yet, every table is new"
    breaks, may_break = (
        len(breaking(preview, verdict)) for verdict in (Verdict.BREAKS, Verdict.MAY_BREAK)
    )
    blocks, reads = len(blocking(preview, large)), len(unread(preview))
    parts = [
        "could not be tried" if preview.blind else "",
        "could not be run to its end" if any(one.migration for one in untried(preview)) else "",
        f"breaks {CODE} {_times(breaks)}" if breaks else "",
        f"keeps others out of a large table {_times(blocks)}" if blocks else "",
        f"may break {'it' if breaks else CODE} {_times(may_break)}" if may_break else "",
        f"{reads} to be read by somebody" if reads else "",
    ]
    found = [part for part in parts if part] or ["nothing was found against it"]
    return "; ".join([pending, *found])


def _times(count: int) -> str:
    return "in 1 place" if count == 1 else f"in {count} places"


def size_words(now: Size) -> str:
    """`1,204 rows, 96.3 MB`; `about` where nobody has counted."""
    if now.rows is None:
        rows = "rows never counted"
    else:
        rows = f"{'' if now.exact else 'about '}{now.rows:,} row{'s' if now.rows != 1 else ''}"
    if now.tables == 1:
        return f"{rows}, {size(now.bytes)}"
    return f"{rows}, {size(now.bytes)} in the largest of {now.tables}, {size(now.all_bytes)} in all"


def _adds(statement: Statement, work: Work) -> bool:
    """An INSERT of given values takes no longer for the rows that are there."""
    return work.kind is WorkKind.WRITES and INSERT.match(statement.sql) is not None


def _waiting(statement: Statement, work: Work, now: Size) -> str:
    """By the lock on the table itself, and by those that the transaction has from before."""
    locks = [lock for lock in (*statement.locks, *statement.held) if lock.keeps_out]
    others = (
        f"{lock.keeps_out} {'it' if lock.table == work.table else lock.table}" for lock in locks
    )
    what = f"{work.kind} {work.table} ({size_words(now)})"
    until = ", until the transaction ends" if work.kind is WorkKind.WRITES else ""
    return f"{what}: {', '.join(others)}{until}" if locks else ""
