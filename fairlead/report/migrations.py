"""What a release did to the database, and why that way; pure."""

from collections.abc import Iterator

from fairlead.database.presets import TO_RUN
from fairlead.model import Step, StepName
from fairlead.report.markdown import fenced, text
from fairlead.report.story import Story

COMMAND = "$ "


def migration_report(story: Story) -> str:
    """Markdown; empty where nothing was to be migrated, as when going back."""
    step = story.step(StepName.MIGRATE)
    return "\n".join(_report(story, step)).strip() if step else ""


def migration_summary(story: Story) -> str:
    """For a list of reports: `release 12: 2 applied: app.0001_initial, app.0002_stock`."""
    step = story.step(StepName.MIGRATE)
    return f"release {story.release.id}: {text(_done(step)) if step else 'none'}"


def _report(story: Story, step: Step) -> Iterator[str]:
    plan, log = _parted(step.log_tail.splitlines())
    yield f"# Migrations of release {story.release.id} to {text(story.release.environment)}"
    yield ""
    yield f"- Outcome: {step.outcome or 'not ended'}"
    yield f"- In the database: {text(_done(step), 2000)}"
    yield f"- The release: {story.release.state.replace('_', ' ')}"
    yield ""
    yield from _plan(plan)
    if log:
        yield "## What the commands said"
        yield ""
        yield from fenced(log)


def _done(step: Step) -> str:
    return step.detail or "nothing was begun"


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """What was said before the first command was run, and everything from there on."""
    first = next((at for at, line in enumerate(lines) if line.startswith(COMMAND)), len(lines))
    return lines[:first], lines[first:]


def _plan(lines: list[str]) -> Iterator[str]:
    reasons = [line for line in lines if not line.startswith(TO_RUN)]
    commands = [line.removeprefix(TO_RUN) for line in lines if line.startswith(TO_RUN)]
    if reasons:
        yield "## What was chosen, and why"
        yield ""
        yield from (f"- {text(reason)}" for reason in reasons)
        yield ""
    if commands:
        yield "## Commands, in this order, each only after the one before it had succeeded"
        yield ""
        yield from fenced(commands)
