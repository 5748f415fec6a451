"""The report of one release: what became of it, what it did, what it changed; pure."""

from collections.abc import Iterator, Sequence

from fairlead.model import (
    BackupState,
    Image,
    Release,
    ReleaseKind,
    ReleaseState,
    Step,
    StepName,
    duration,
)
from fairlead.notify.slack_message import FAILURES, OUTCOMES
from fairlead.plain import lines_of
from fairlead.report.markdown import fenced, link, moment, table, text
from fairlead.report.preview import preview_markdown
from fairlead.report.story import Story

CELL = 80  # characters: Prefect's UI cuts a table that is wider than the page
LOG = 20  # last lines of the step that failed


def release_report(story: Story) -> str:
    """Markdown for somebody who was not there."""
    parts = (_headline, _facts, _steps, _log, _preview, _images, _migrations, _links)
    return "\n".join(line for part in parts for line in part(story)).strip()


def summary(release: Release) -> str:
    """For a list of reports: `✔ succeeded: release 12, 1a2b3c4`."""
    words = "not settled" if _is_left(release) else release.state.replace("_", " ")
    return f"{_outcome(release)[0]} {words}: release {release.id}, {release.sha[:7]}"


def _outcome(release: Release) -> tuple[str, str]:
    if _is_left(release):
        return "‼", f"lost its lease and is not settled: fairlead settle {release.environment}"
    return OUTCOMES[release.state]


def _is_left(release: Release) -> bool:
    """Who lost the lease may not write how the release ended; somebody else does, later."""
    return release.state is ReleaseState.RUNNING


def _headline(story: Story) -> Iterator[str]:
    release = story.release
    mark, outcome = _outcome(release)
    what = text(f"{release.project} {release.sha[:7]} to {release.environment}")
    yield f"# {mark} {release.kind.capitalize()} {release.id}: {what} {outcome}"
    yield ""
    if release.error:
        yield from fenced(lines_of(release.error))


def _facts(story: Story) -> Iterator[str]:
    release = story.release
    facts = {
        "Asked for by": text(f"{release.requested_by}, {release.requested_via}"),
        "Why": text(release.reason, 500),
        "Commit": _code(release.sha),
        "Ran before": _before(story),
        "Saved before": _backup(story),
        "Put back": "; ".join(_put_back(story)),
        "Requests meanwhile": _requests(release),
        "Began": moment(release.started_at),
        "Took": duration(release.seconds),
    }
    yield from (f"- {name}: {value}" for name, value in facts.items() if value)
    yield ""


def _put_back(story: Story) -> Iterator[str]:
    for name in (StepName.ROLL_BACK, StepName.ROLL_BACK_DATABASE):
        if (step := story.step(name)) and step.detail:
            yield text(step.detail, 2000)


def _before(story: Story) -> str:
    if story.previous is None:
        # One that was refused may not have come so far as to look.
        return "" if story.release.state is ReleaseState.REFUSED else "nothing"
    return f"{_code(story.previous.sha[:7])}, release {story.previous.id}"


def _backup(story: Story) -> str:
    backup = story.backup
    if backup is None:
        return ""
    if backup.state is BackupState.FAILED:
        return text(f"backup {backup.id} failed")
    took = f", in {duration(backup.seconds)}" if backup.seconds is not None else ""
    gone = ", removed since" if backup.state is BackupState.REMOVED else ""
    return text(f"{backup.words}{took}{gone}", 500)


def _requests(release: Release) -> str:
    if release.requests_answered is None:
        return ""
    return f"{release.requests_answered} answered, {release.requests_lost or 0} lost"


def _steps(story: Story) -> Iterator[str]:
    if story.steps:
        yield "## Steps"
        yield ""
        rows = [_step(step) for step in story.steps]
        yield from table(["Step", "Outcome", "Took", "What it did"], rows)


def _step(step: Step) -> Sequence[str]:
    took = duration(step.seconds)
    return text(step.title), step.outcome or "not ended", took, text(step.what, CELL)


def _log(story: Story) -> Iterator[str]:
    failed = story.failed
    if failed and failed.log_tail and story.release.state in FAILURES:
        yield f"## Last lines of {text(failed.name)}"
        yield ""
        yield from fenced(lines_of(failed.log_tail)[-LOG:])


def _preview(story: Story) -> Iterator[str]:
    if story.preview:
        yield "## What its migrations would do"
        yield ""
        yield preview_markdown(story.preview)
        yield ""


def _images(story: Story) -> Iterator[str]:
    old = {image.service: image for image in story.images_before}
    new = {image.service: image for image in story.images}
    if new:
        yield "## Images"
        yield ""
        rows = [_image(name, old.get(name), new.get(name)) for name in sorted({*old, *new})]
        yield from table(["Service", "Before", "This release", "Change"], rows)


def _image(service: str, old: Image | None, new: Image | None) -> Sequence[str]:
    if old is None or new is None:
        change = "new" if old is None else "gone"
    else:
        change = "unchanged" if old.digest == new.digest else "changed"
    return text(service), _digest(old), _digest(new), change


def _digest(image: Image | None) -> str:
    return _code(image.digest.removeprefix("sha256:")[:12]) if image else "none"


def _migrations(story: Story) -> Iterator[str]:
    step = story.step(StepName.MIGRATE)
    done = [step.detail or "nothing was begun"] if step else []
    kept = [f"kept in the database: {detail}" for detail in story.stays]
    if done or kept:
        yield "## Migrations"
        yield ""
        yield from (f"- {text(line, 2000)}" for line in (*done, *kept))
        yield ""


def _links(story: Story) -> Iterator[str]:
    yield "## Links"
    yield ""
    yield f"- {link(story.url, 'The application')}"
    for image in story.images:
        found = link(story.image_url(image), "The image in the registry")
        yield f"- {found}: {text(image.service)}"
    if story.compare_url:
        back = story.release.kind is ReleaseKind.ROLLBACK
        words = "The commits that were taken back" if back else "The commits that came with it"
        yield f"- {link(story.compare_url, words)}"
    yield f"- All of it: {_code(f'fairlead show {story.release.id} --verbose')}"


def _code(ours: str) -> str:
    return f"`{ours}`"
