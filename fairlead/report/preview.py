"""What pending migrations would do, for a terminal and as Markdown; pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fairlead.config import Config
from fairlead.database.preview.judge import (
    Finding,
    blocking,
    breaking,
    headline,
    size_words,
    unread,
    unsafe,
    untried,
)
from fairlead.database.preview.model import Preview, PreviewedMigration, Stage, Statement, Verdict
from fairlead.database.preview.plan import Plan
from fairlead.model import size
from fairlead.pending import count_words
from fairlead.previewing import NOBODY_KNOWS, NOTHING
from fairlead.report.markdown import fenced, text

TOGETHER = "all of them are one transaction in each tenant: what one locks stays locked to the end"
LONGEST = 60_000  # characters: GitHub takes no comment of more than 65,536


@dataclass(frozen=True, slots=True)
class Previewed:
    """A preview and what it is of: `sha` to `environment`; tables of more than `large` bytes count
    as large; `policy` is what becomes of a release with something unsafe; `pending` says how many
    there are. `together`: all migrations of a tenant are one transaction."""

    project: str
    environment: str
    sha: str
    preview: Preview | None
    large: float
    policy: str
    pending: str
    together: bool

    @property
    def what(self) -> str:
        return f"{self.project} {self.sha[:7]} to {self.environment}"


def previewed(config: Config, environment: str, sha: str, plan: Plan) -> Previewed:
    if plan.preview and plan.pending:
        pending = count_words(plan.pending)
    else:
        pending = NOTHING if plan.anything is False else NOBODY_KNOWS
    return of(config, environment, sha, plan.preview, pending)


def of(
    config: Config, environment: str, sha: str, preview: Preview | None, pending: str
) -> Previewed:
    settings = config.environment(environment).migrations
    return Previewed(
        project=config.project,
        environment=environment,
        sha=sha,
        preview=preview,
        large=settings.large,
        policy=settings.unsafe,
        pending=pending,
        together=config.migrations.tenants == "fast",
    )


# -- for a program -----------------------------------------------------------------------------


def preview_json(given: Previewed) -> dict[str, Any]:
    """`preview` is null where nothing is pending, or nobody knows; `unsafe` is what the policy is
    about."""
    preview = given.preview
    found = unsafe(preview, given.large) if preview else []
    return {
        "project": given.project,
        "environment": given.environment,
        "sha": given.sha,
        "pending": given.pending,
        "policy": given.policy,
        "unsafe": [asdict(one) for one in found],
        "preview": preview.as_json() if preview else None,
    }


# -- for a terminal ----------------------------------------------------------------------------


def preview_text(given: Previewed) -> str:
    lines = [f"{given.what}: {_headline(given)}"]
    for title, found in _sections(given):
        lines += ["", title, *(f"  {line}" for line in found)]
    for stage in _stages(given):
        lines += ["", _title(given, stage)]
        for migration in stage.migrations:
            lines += _migration_lines(stage, migration)
        lines += (f"  {line}" for line in _remarks(given, stage))
    return "\n".join(lines)


def _migration_lines(stage: Stage, migration: PreviewedMigration) -> Iterator[str]:
    if not _shows(migration):
        return
    yield f"  {migration}"
    if not migration.statements and not migration.code:
        yield from (f"    {operation}" for operation in migration.operations)
    for statement in migration.statements:
        first, *others = statement.sql.strip().splitlines() or [""]
        yield f"    {first}"
        yield from (f"    {line}" for line in others)
        yield from (f"      {line}" for line in _facts(stage, statement))
    yield from (f"    runs {code}: read it" for code in migration.code)


# -- Markdown ----------------------------------------------------------------------------------


def preview_markdown(given: Previewed) -> str:
    """For a report, an approval, a comment. What is of others is shown as it is: nothing in it is
    obeyed, and nobody is mentioned."""
    whole = "\n".join(_markdown(given, details=True)).strip()
    if len(whole) <= LONGEST:
        return whole
    return "\n".join(_markdown(given, details=False)).strip()[:LONGEST]


def _markdown(given: Previewed, *, details: bool) -> Iterator[str]:
    yield f"### Migrations of {inline(given.what)}: {inline(_headline(given), 1000)}"
    yield ""
    for title, found in _sections(given):
        yield f"**{inline(title)}**"
        yield ""
        if found:
            yield from (f"- {inline(line, 1000)}" for line in found)
            yield ""
    command = f"fairlead preview {given.environment} {given.sha}"
    if not details:
        yield f"The statements are too many to be shown here: `{command}`"
        return
    for stage in _stages(given):
        yield f"<details><summary>{inline(_title(given, stage))}</summary>"
        yield ""
        for migration in stage.migrations:
            yield from _migration_markdown(stage, migration)
        yield from (f"{inline(line)}\n" for line in _remarks(given, stage))
        yield "</details>"
        yield ""
    if _stages(given):
        yield f"The same on a terminal: `{command}`"


def _migration_markdown(stage: Stage, migration: PreviewedMigration) -> Iterator[str]:
    if not _shows(migration):
        return
    yield f"**{inline(str(migration))}**"
    yield ""
    if not migration.statements and not migration.code:
        yield from (f"- {inline(operation)}" for operation in migration.operations)
        yield ""
    for statement in migration.statements:
        yield from fenced(statement.sql.strip().splitlines())
        yield from (f"- {inline(line, 1000)}" for line in _facts(stage, statement))
        yield ""
    for code in migration.code:
        yield f"- runs {inline(code)}: read it"
        yield ""


def inline(given: str, limit: int = 300) -> str:
    """As `text`, and nobody is mentioned: GitHub looks for @ and # in what was rendered already.
    https://github.github.com/gfm/#backslash-escapes"""
    return text(given, limit).replace("\\@", "@&#8203;").replace("\\#", "#&#8203;")


# -- what both say -----------------------------------------------------------------------------


def _headline(given: Previewed) -> str:
    if given.preview is None:
        return given.pending
    return headline(given.preview, given.pending, given.large)


def _sections(given: Previewed) -> Iterator[tuple[str, Sequence[str]]]:
    preview = given.preview
    if preview is None:
        return
    large = size(round(given.large))
    blind = [line for line in (preview.next_step,) if line and preview.blind]
    sections: list[tuple[str, list[str]]] = [
        ("Not known", [*_words(untried(preview)), *blind]),
        (
            "Breaks the code that runs now, and that a rollback brings back",
            _words(breaking(preview, Verdict.BREAKS)),
        ),
        (
            f"Keeps others out of a table of more than {large}",
            _words(blocking(preview, given.large)),
        ),
        (
            "May break the code that runs now",
            _words(breaking(preview, Verdict.MAY_BREAK)),
        ),
        ("Read it yourself: nobody else knows what it does", _words(unread(preview))),
        ("Models were changed without a migration", list(preview.unwritten)),
        ("Django's checks of the database", list(preview.checks)),
    ]
    if unsafe(preview, given.large):
        sections.append((POLICY[given.policy], []))
    yield from ((title, found) for title, found in sections if found or title in POLICY.values())


POLICY = {
    "warn": 'A release goes on all the same: migrations.unsafe is "warn".',
    "approve": 'A release waits for approval: migrations.unsafe is "approve".',
    "refuse": 'A release is refused: migrations.unsafe is "refuse".',
}


def _words(found: Iterable[Finding]) -> list[str]:
    return list(dict.fromkeys(map(str, found)))


def _stages(given: Previewed) -> list[Stage]:
    stages = given.preview.stages if given.preview else ()
    return [stage for stage in stages if any(map(_shows, stage.migrations))]


def _shows(migration: PreviewedMigration) -> bool:
    """One that touches nothing here, being another schema's, is only counted."""
    return bool(migration.statements or migration.code or migration.broke) or not migration.tried


def _remarks(given: Previewed, stage: Stage) -> Iterator[str]:
    shown = [migration for migration in stage.migrations if _shows(migration)]
    if count := len(stage.migrations) - len(shown):
        yield f"and {count} more, which change{'s' if count == 1 else ''} no table here"
    if stage.schema and given.together and len(shown) > 1 and all(one.atomic for one in shown):
        yield TOGETHER


def _title(given: Previewed, stage: Stage) -> str:
    if not stage.schema:
        stages = given.preview.stages if given.preview else ()
        return "The shared schema" if len(stages) > 1 else "The database"
    if stage.tenants == 1:
        return f"The tenant {stage.schema}"
    return f"{stage.tenants} tenants that have the same migrations, tried on {stage.schema}"


def _facts(stage: Stage, statement: Statement) -> Iterator[str]:
    yield from (f"{one.verdict}: {one.words}" for one in statement.troubles)
    for work in statement.works:
        yield f"{work.kind} {work.table}"
    for lock in statement.locks:
        now = stage.size(lock.table)
        how = f", {lock.keeps_out}" if lock.keeps_out else ""
        where = f"{lock.table} ({size_words(now)})" if now else str(lock.table)
        source = "" if statement.seen else ", as PostgreSQL documents it"
        yield f"locks {where}: {lock.mode}{how}{source}"
    for lock in statement.held:
        yield f"meanwhile {lock.table} stays locked: {lock.mode}, {lock.keeps_out}"
    for remark in statement.remarks:
        yield f"squawk: {remark.rule}: {remark.words}"
