"""A release engineer in Prefect's UI, in a real browser: fills in the form, watches, reads.

The screenshots stay in the stand's folder, .stand/screenshots, to be looked at.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from examples.stand.prefect_server import PrefectServer
from fairlead.model import Release, ReleaseState
from tests.bench.bench import Bench
from tests.bench.browser import Browser, lines, links, open_form
from tests.bench.prefect import Stage, staged, wait_for

# What is another one each time: moments, durations, counts.
FIGURES = r"\d{4}-\d\d-\d\d [\d:]+ UTC|\d+(\.\d)? s\b|\d+ rounds|\d+ requests|\d+(?= answered)"
HOSTILE = (
    "<img src=x onerror=alert(1)> | **bold** `code` [link](http://evil.example) @all "
    "https://evil.example www.evil.example a@evil.example &lt;b&gt; # heading"
)


@pytest.fixture
def stage(bench: Bench, prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    config = {"github": {"repository": "owner/shop"}}
    with staged(bench, prefect_server, tmp_path / "stage", config) as made:
        made.start_worker()
        yield made


def released(stage: Stage, sha: str, reason: str, requested_by: str) -> Release:
    """What became of it, once its run has ended."""
    given = {"sha": sha, "reason": reason, "requested_by": requested_by}
    stage.api.ended(stage.api.start(stage.release, given))
    return stage.bench.history(stage.environment)[0]


def test_release_is_made_and_read_without_leaving_the_browser(stage: Stage, desk: Browser) -> None:
    before = released(stage, stage.push("v1"), "the first one", "alice")
    sha = stage.push("v2")
    open_form(desk, stage.environment)
    refuses_what_is_no_sha(desk)
    desk.fill("sha", sha)
    desk.fill("reason", "the price of veal")
    desk.fill("requested_by", "bob")
    desk.shoot("4-form-filled-in", height=1500)
    desk.press("Submit")
    watch(stage, desk, sha)
    assert stage.bench.serves() == "v2"
    (after,) = stage.bench.history(stage.environment)[:-1]
    reads_the_report(stage, desk, before, after)
    reads_the_migrations(stage, desk, after)
    reads_the_environments(stage, desk, after)


def refuses_what_is_no_sha(desk: Browser) -> None:
    """And tells what every field is for."""
    expect(desk.field("sha")).to_be_visible()
    for field in desk.page.locator(".schema-form-property").all():
        expect(field.locator(".schema-form-property__description")).not_to_be_empty()
    desk.fill("sha", "HEAD")
    desk.press("Submit")
    desk.sees("'HEAD' does not match '^[0-9a-f]{40}$'", exact=False)
    desk.shoot("3-form-refused", height=1500)


def watch(stage: Stage, desk: Browser, sha: str) -> None:
    """From the moment that it was submitted to the end of the run, on a page that goes along."""
    wait_for(lambda: submitted(stage, sha), "the run to be there")
    desk.follow(f"/runs/flow-run/{submitted(stage, sha)[0]}")
    desk.sees(f"release-{sha[:7]}-to-{stage.environment}")
    desk.sees("Completed")
    desk.shoot("5-run", height=1300)
    desk.click("Task Runs")
    desk.shoot("6-steps", height=1700)


def submitted(stage: Stage, sha: str) -> list[str]:
    """The runs of the deployment that were asked for this commit."""
    return [run["id"] for run in stage.api.runs(stage.release) if run["parameters"]["sha"] == sha]


def open_artifact(desk: Browser, key: str) -> None:
    """From the page of the run."""
    desk.click("Artifacts")
    card = desk.page.locator("a[href*='/artifacts/artifact/']", has_text=key)
    desk.shoot("7-artifacts")
    expect(card).to_have_count(1)
    card.press("Enter")  # no notice of Prefect's that lies above it is in the way of a key
    desk.sees("Show raw data")


def reads_the_report(stage: Stage, desk: Browser, before: Release, after: Release) -> None:
    bench = stage.bench
    old, new = bench.read(lambda store: [store.ledger.images(one.id)[0] for one in (before, after)])
    open_artifact(desk, f"release-{stage.environment}")
    article = desk.article()
    desk.shoot("8-report", height=1500)
    assert [re.sub(FIGURES, "#", line) for line in lines(article)] == [
        f"✔ Release {after.id}: {bench.project} {after.sha[:7]} to {stage.environment} succeeded",
        "Asked for by: bob, prefect",
        "Why: the price of veal",
        f"Commit: {after.sha}",
        f"Ran before: {before.sha[:7]}, release {before.id}",
        "Requests meanwhile: # answered, 0 lost",
        "Began: #",
        "Took: #",
        "Steps",
        *("Step", "Outcome", "Took", "What it did"),
        "preflight succeeded # 1 host(s) answer",
        f"verify_build succeeded # web {new.digest[7:19]}",
        "plan_migrations succeeded # nobody knows what the project's own commands would change",
        "pull_images succeeded # all there",
        "migrate succeeded # 1 applied: app.v2",
        "deploy succeeded # serving on local",
        "check_health succeeded # # good; # answered, 0 lost",
        f"record succeeded # {stage.environment} is at {after.sha[:7]}",
        f"move_tags succeeded # {stage.environment}-latest",
        f"retire succeeded # release {before.id} is kept to go back to",
        "Images",
        *("Service", "Before", "This release", "Change"),
        f"web {old.digest[7:19]} {new.digest[7:19]} changed",
        "Migrations",
        "1 applied: app.v2",
        "Links",
        "The application",
        "The image in the registry: web",
        "The commits that came with it",
        f"All of it: fairlead show {after.id} --verbose",
    ]
    assert links(article) == [
        ("The application", f"http://{bench.project}.localhost:{bench.port}/"),
        ("The image in the registry", f"http://{bench.registry}/v2/{bench.project}/web/tags/list"),
        (
            "The commits that came with it",
            f"https://github.com/owner/shop/compare/{before.sha}...{after.sha}",
        ),
    ]
    desk.page.go_back()


def reads_the_migrations(stage: Stage, desk: Browser, after: Release) -> None:
    open_artifact(desk, f"migrations-{stage.environment}")
    article = desk.article()
    desk.shoot("9-migrations")
    assert lines(article) == [
        f"Migrations of release {after.id} to {stage.environment}",
        "Outcome: succeeded",
        "In the database: 1 applied: app.v2",
        "The release: succeeded",
        "What was chosen, and why",
        "preset command: the list of the config",
        "Commands, in this order, each only after the one before it had succeeded",
        "migrate",
        "What the commands said",
        "$ migrate",
        "Applying app.v2... OK",
    ]
    desk.page.go_back()


def reads_the_environments(stage: Stage, desk: Browser, after: Release) -> None:
    open_artifact(desk, "environments")
    desk.shoot("10-environments")
    told = re.sub(FIGURES, "#", " ".join(lines(desk.page.locator("table"))))
    assert told == (
        "Environment Runs Now Since By Release On "
        f"{stage.environment} {after.sha[:7]} at rest # bob {after.id} local"
    )


def test_what_others_wrote_is_shown_and_does_nothing(stage: Stage, desk: Browser) -> None:
    who = "<b>bob</b> | **x** [y](http://z.example)"
    good = released(stage, stage.push("v1"), HOSTILE, who)
    desk.open(f"/runs/flow-run/{good.flow_run}")
    desk.sees("Completed")
    open_artifact(desk, "environments")
    desk.shoot("11-environments-hostile")
    assert who in desk.page.locator("table").inner_text()
    bad = released(stage, stage.push("v2", BEHAVIOUR="sick"), HOSTILE, "bob")
    assert bad.state is ReleaseState.ROLLED_BACK
    desk.open(f"/runs/flow-run/{bad.flow_run}")
    desk.sees("Failed")
    desk.shoot("12-failed-run", height=1300)
    open_artifact(desk, f"release-{stage.environment}")
    article = desk.article()
    desk.shoot("13-failed-report", height=1600)
    assert f"Why: {HOSTILE}" in lines(article)
    assert [words for words, _ in links(article)] == [
        "The application",
        "The image in the registry",
        "The commits that came with it",
    ]
    assert article.locator("img, script").count() == 0
