"""What people read of a release in Prefect, whole; and that no text of others does anything."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.model import (
    BackupState,
    Image,
    ReleaseKind,
    ReleaseState,
    Step,
    StepName,
    StepOutcome,
)
from fairlead.report import (
    Story,
    environment_rows,
    migration_report,
    migration_summary,
    release_report,
    summary,
)
from fairlead.report.markdown import fenced, link, table, text
from fairlead.run import HEAD, TAIL, StepLog
from fairlead.status import Status
from tests.bench.hostile import HOSTILE, read, structure, words
from tests.unit.rows import BACKUP, BEGAN, RELEASE

OLD, NEW = "1a2b3c4" + "0" * 33, RELEASE.sha
BEFORE = replace(RELEASE, id=11, sha=OLD, replaces=None, origin=11)


def step(name: StepName, seconds: float = 1.0, **over: Any) -> Step:
    usual = Step(
        release=12,
        name=name,
        attempt=1,
        started_at=BEGAN,
        ended_at=BEGAN + timedelta(seconds=seconds),
        outcome=StepOutcome.SUCCEEDED,
        detail="",
        error=None,
        log_tail="",
    )
    return replace(usual, **over)


def image(service: str, digit: str) -> Image:
    return Image(service, f"registry.example/shop/{service}", "dev-x", f"sha256:{digit * 64}")


PREFLIGHT = step(StepName.PREFLIGHT, 0.04, detail="1 host(s) answer")
MIGRATE = step(
    StepName.MIGRATE,
    3.2,
    detail="2 applied: app.0001, app.0002",
    log_tail="preset auto: django, the image has manage.py and no migrate_schemas\n"
    "to run: python manage.py migrate --noinput\n"
    "$ python manage.py migrate --noinput\n"
    "  Applying app.0001... OK\n"
    "to run: nothing, these are a command's own words",
)
STORY = Story(
    release=RELEASE,
    previous=BEFORE,
    steps=[PREFLIGHT, MIGRATE],
    images=[image("backend", "b"), image("frontend", "f"), image("worker", "c")],
    images_before=[image("backend", "a"), image("frontend", "f"), image("mailer", "d")],
    url="https://dev.example/",
    registry="https://registry.example",
    repository="owner/shop",
)
LINKS = """\
## Links

- [The application](https://dev.example/)
"""


def test_a_release_tells_what_was_saved_before_it_and_how_long_that_took() -> None:
    saved = replace(BACKUP, drilled_at=BEGAN)
    told = (
        f"backup 7\\: dump of shop, 200.0 MB, restored and compared, at {BACKUP.place}, in 10.0 s"
    )
    assert f"- Saved before: {told}\n" in release_report(replace(STORY, backup=saved))
    gone = replace(saved, state=BackupState.REMOVED, removed_at=BEGAN)
    assert f"- Saved before: {told}, removed since\n" in release_report(replace(STORY, backup=gone))
    failed = replace(saved, state=BackupState.FAILED, proven_at=None, error="no")
    assert "- Saved before: backup 7 failed\n" in release_report(replace(STORY, backup=failed))


# -- whole -----------------------------------------------------------------------------------


def test_a_release_that_succeeded_is_told_with_all_that_it_changed() -> None:
    assert summary(RELEASE) == "✔ succeeded: release 12, 5e6f7a8"
    assert release_report(STORY) == (
        f"""\
# ✔ Release 12: shop 5e6f7a8 to dev succeeded

- Asked for by: alice, prefect
- Why: the price of veal
- Commit: `{NEW}`
- Ran before: `1a2b3c4`, release 11
- Requests meanwhile: 345 answered, 0 lost
- Began: 2026-01-02 03:04:05 UTC
- Took: 12.4 s

## Steps

| Step | Outcome | Took | What it did |
| --- | --- | --- | --- |
| preflight | succeeded | 0.0 s | 1 host(s) answer |
| migrate | succeeded | 3.2 s | 2 applied\\: app.0001, app.0002 |

## Images

| Service | Before | This release | Change |
| --- | --- | --- | --- |
| backend | `{"a" * 12}` | `{"b" * 12}` | changed |
| frontend | `{"f" * 12}` | `{"f" * 12}` | unchanged |
| mailer | `{"d" * 12}` | none | gone |
| worker | none | `{"c" * 12}` | new |

## Migrations

- 2 applied\\: app.0001, app.0002

{LINKS}\
- [The image in the registry](https://registry.example/shop/backend): backend
- [The image in the registry](https://registry.example/shop/frontend): frontend
- [The image in the registry](https://registry.example/shop/worker): worker
- [The commits that came with it](https://github.com/owner/shop/compare/{OLD}...{NEW})
- All of it: `fairlead show 12 --verbose`"""
    )


def test_a_release_that_was_put_back_is_told_with_what_went_wrong_first() -> None:
    failed = step(
        StepName.DEPLOY,
        11,
        outcome=StepOutcome.FAILED,
        error="web on local was not healthy: /healthz answered 503, not 200, and this goes on so\n",
        log_tail="the proxy runs\n<b>sick</b> ``` x",
    )
    stays = "1a2b3c4 serves again; the database keeps app.0001"
    story = replace(
        STORY,
        release=replace(
            RELEASE,
            state=ReleaseState.ROLLED_BACK,
            reason="",
            error="web on local was not healthy.\nSee its log.",
            requests_lost=2,
        ),
        steps=[
            replace(failed, attempt=1),
            replace(failed, attempt=2, ended_at=None, outcome=None),
            step(StepName.ROLL_BACK, 1.6, detail=stays),
        ],
        images=[],
        images_before=[],
        repository=None,
    )
    assert summary(story.release) == "✖ rolled back: release 12, 5e6f7a8"
    cut = "web on local was not healthy\\: /healthz answered 503, not 200, and this goes on…"
    assert release_report(story) == (
        f"""\
# ✖ Release 12: shop 5e6f7a8 to dev failed and was put back

```
web on local was not healthy.
See its log.
```

- Asked for by: alice, prefect
- Commit: `{NEW}`
- Ran before: `1a2b3c4`, release 11
- Put back: {stays}
- Requests meanwhile: 345 answered, 2 lost
- Began: 2026-01-02 03:04:05 UTC
- Took: 12.4 s

## Steps

| Step | Outcome | Took | What it did |
| --- | --- | --- | --- |
| deploy | failed | 11.0 s | {cut} |
| deploy (try 2) | not ended |  | {cut} |
| roll\\_back | succeeded | 1.6 s | {stays} |

## Last lines of deploy

````
the proxy runs
<b>sick</b> ``` x
````

{LINKS}\
- All of it: `fairlead show 12 --verbose`"""
    )


def test_a_release_that_was_refused_at_once_has_little_to_tell() -> None:
    refused = replace(
        RELEASE,
        state=ReleaseState.REFUSED,
        error="dev is being changed by another run.",
        replaces=None,
        requests_answered=None,
        requests_lost=None,
    )
    assert release_report(Story(release=refused, url="https://dev.example/")) == (
        f"""\
# ✖ Release 12: shop 5e6f7a8 to dev was refused. Nothing was touched

```
dev is being changed by another run.
```

- Asked for by: alice, prefect
- Why: the price of veal
- Commit: `{NEW}`
- Began: 2026-01-02 03:04:05 UTC
- Took: 12.4 s

{LINKS}\
- All of it: `fairlead show 12 --verbose`"""
    )


def test_a_release_that_lost_its_lease_says_what_to_run() -> None:
    left = replace(RELEASE, state=ReleaseState.RUNNING, ended_at=None)
    assert summary(left) == "‼ not settled: release 12, 5e6f7a8"
    assert release_report(replace(STORY, release=left)).partition("\n")[0] == (
        "# ‼ Release 12: shop 5e6f7a8 to dev lost its lease and is not settled: fairlead settle dev"
    )


def test_a_rollback_tells_what_stays_and_which_commits_are_gone() -> None:
    back = replace(RELEASE, kind=ReleaseKind.ROLLBACK)
    story = replace(STORY, release=back, steps=[], stays=["1 applied: app.0003"])
    told = release_report(story).splitlines()
    assert told[0] == "# ✔ Rollback 12: shop 5e6f7a8 to dev succeeded"
    assert "- kept in the database\\: 1 applied\\: app.0003" in told
    compare = f"https://github.com/owner/shop/compare/{NEW}...{OLD}"
    assert f"- [The commits that were taken back]({compare})" in told
    assert migration_report(story) == ""


def test_the_first_release_says_that_nothing_ran_before_and_compares_nothing() -> None:
    told = release_report(replace(STORY, previous=None, images_before=[])).splitlines()
    assert "- Ran before: nothing" in told
    assert [line for line in told if "compare" in line] == []


def test_the_same_commit_again_compares_nothing() -> None:
    assert replace(STORY, previous=replace(BEFORE, sha=NEW)).compare_url == ""


def test_an_image_of_a_plain_registry_is_found_among_its_tags() -> None:
    story = replace(STORY, registry="http://127.0.0.1:5005")
    assert story.image_url(STORY.images[0]) == "http://127.0.0.1:5005/v2/shop/backend/tags/list"


def test_the_migrations_are_told_with_why_these_commands_and_what_they_said() -> None:
    assert migration_summary(STORY) == "release 12: 2 applied\\: app.0001, app.0002"
    assert migration_report(STORY) == (
        """\
# Migrations of release 12 to dev

- Outcome: succeeded
- In the database: 2 applied\\: app.0001, app.0002
- The release: succeeded

## What was chosen, and why

- preset auto\\: django, the image has manage.py and no migrate\\_schemas

## Commands, in this order, each only after the one before it had succeeded

```
python manage.py migrate --noinput
```

## What the commands said

```
$ python manage.py migrate --noinput
  Applying app.0001... OK
to run: nothing, these are a command's own words
```"""
    )


def test_migrations_of_which_nothing_was_begun_say_so() -> None:
    nothing = step(StepName.MIGRATE, outcome=StepOutcome.FAILED)
    assert migration_report(replace(STORY, steps=[nothing])) == (
        "# Migrations of release 12 to dev\n\n- Outcome: failed\n"
        "- In the database: nothing was begun\n- The release: succeeded"
    )


def test_the_environments_are_a_row_each() -> None:
    dev = Status("dev", NEW, 12, BEGAN, "alice" * 9, ["one", "two"], [], "")
    uat = Status("uat", None, None, None, None, [], [], "being changed (bob@host)")
    urls = {"dev": "https://dev.example/", "uat": "https://uat.example/"}
    assert environment_rows([dev, uat], urls) == [
        {
            "Environment": "[dev](https://dev.example/)",
            "Runs": "`5e6f7a8`",
            "Now": "at rest",
            "Since": "2026-01-02 03:04:05 UTC",
            "By": f"{'alice' * 7}alic…",
            "Release": "12",
            "On": "one, two",
        },
        {
            "Environment": "[uat](https://uat.example/)",
            "Runs": "nothing",
            "Now": "being changed (bob\\@host)",
            "Since": "",
            "By": "",
            "Release": "",
            "On": "",
        },
    ]


# -- nothing is obeyed -----------------------------------------------------------------------


@given(HOSTILE)
def test_text_of_others_has_no_structure(hostile: str) -> None:
    assert structure(f"- {text(f'{hostile}x')}") == structure("- x")
    assert structure(f"# {text(f'{hostile}x')}") == structure("# x")


@given(st.text().map(lambda given: " ".join("".join(filter(str.isprintable, given)).split())))
def test_text_of_others_is_shown_as_it_is(printable: str) -> None:
    assert words(f"Why: {text(printable, 10_000)}").strip() == f"Why: {printable}".strip()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("www.x.example", "www\\.x.example"),
        ("WWW.x.example", "WWW\\.x.example"),
        ("http://x.example", "http\\://x.example"),
        ("a@x.example, @all, shop#1", "a\\@x.example, \\@all, shop\\#1"),
        ("1. one", "1\\. one"),
        ("2) two", "2\\) two"),
        ("-1 and 2.5 (or 3)", "\\-1 and 2.5 (or 3)"),
        ("\x1b[31mred\x1b[0m \u202eback\u200b\a", "red back"),
        ("a\r\n\tb  c\u2028d\n", "a b c d"),
        ("n" * 301, f"{'n' * 299}…"),
    ],
)
def test_text_is_one_line_that_nothing_makes_a_link_of(given: str, shown: str) -> None:
    assert text(given) == shown


@given(HOSTILE, HOSTILE)
def test_a_table_keeps_its_cells(one: str, two: str) -> None:
    def lines(first: str, second: str) -> str:
        return "\n".join(table(["One", "Two"], [[text(first), "`a`"], ["b", text(second)]]))

    assert structure(lines(f"x{one}", f"{two}x")) == structure(lines("x", "x"))


@given(st.lists(HOSTILE))
def test_nothing_gets_out_of_a_block_of_code(lines: list[str]) -> None:
    assert structure("\n".join([*fenced(lines), "after"])) == structure("```\n```\n\nafter")


@given(
    st.one_of(HOSTILE, HOSTILE.map("https://x.example/{}".format), HOSTILE.map("http://{}".format))
)
def test_a_link_leads_to_the_web_or_is_none(url: str) -> None:
    made = link(url, "The application")
    assert words(f"- {made}") == "The application"
    links = [token.attrs["href"] for token in read(f"- {made}") if token.type == "link_open"]
    assert len(links) == (made != "The application")
    assert all(str(to).startswith(("http://", "https://")) for to in links)


@given(*[HOSTILE] * 5)
def test_a_report_is_built_the_same_whatever_others_wrote(
    reason: str, who: str, detail: str, log: str, name: str
) -> None:
    def told(*texts: str) -> list[list[tuple[str, str]]]:
        reason, who, detail, log, name = (f"x{given}x" for given in texts)
        failed = step(StepName.MIGRATE, outcome=StepOutcome.FAILED, detail=detail, log_tail=log)
        release = replace(
            RELEASE, state=ReleaseState.FAILED, reason=reason, requested_by=who, error=log
        )
        images = [replace(STORY.images[0], service=name)]
        story = replace(STORY, release=release, steps=[failed], images=images, images_before=[])
        return [structure(release_report(story)), structure(migration_summary(story))]

    assert told(reason, who, detail, log, name) == told("", "", "", "", "")


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_row_of_the_environments_is_built_the_same_whatever_others_wrote(
    now: str, who: str, host: str
) -> None:
    def told(*texts: str) -> list[list[tuple[str, str]]]:
        now, who, host = (f"x{given}x" for given in texts)
        status = Status("dev", NEW, 12, BEGAN, who, [host], [], now)
        (row,) = environment_rows([status], {"dev": "https://dev.example/"})
        return [structure(f"- {cell}") for cell in row.values()]

    assert told(now, who, host) == told("", "", "")


@given(HOSTILE)
def test_the_plan_is_only_what_was_said_before_the_first_command(said: str) -> None:
    def told(words: str) -> str:
        log = f"preset command\nto run: one\n$ one\n{words}\nto run: two\n$ two"
        return migration_report(replace(STORY, steps=[replace(MIGRATE, log_tail=log)]))

    assert structure(told(said)) == structure(told(""))
    plans = [told(words).partition("## What the commands said")[0] for words in (said, "")]
    assert plans[0] == plans[1]


# -- what is kept of a log -------------------------------------------------------------------


def test_the_history_keeps_how_a_log_began_and_how_it_ended() -> None:
    log = StepLog(StepName.MIGRATE, redact=str.upper)
    for number in range(HEAD + TAIL):
        log.say(f"line {number}")
    assert log.kept.splitlines() == [f"LINE {number}" for number in range(HEAD + TAIL)]
    log.say("one more")
    log.say("and another")
    assert log.kept.splitlines()[HEAD - 1 : HEAD + 2] == [
        f"LINE {HEAD - 1}",
        "… 2 lines are left out …",
        f"LINE {HEAD + 2}",
    ]
    assert log.kept.splitlines()[-1] == "AND ANOTHER"


def test_a_line_of_a_step_reaches_logs_without_what_a_terminal_obeys(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = StepLog(StepName.MIGRATE, str)
    with caplog.at_level("INFO", "fairlead"):
        log.say("\x1b]0;title\x07\x1b[31mred\u202e")
    assert caplog.messages == ["migrate: ]0;title[31mred"]
