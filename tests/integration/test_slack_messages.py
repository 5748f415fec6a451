"""What people read in Slack about a release, whole, from its beginning to its end; and that Slack
never decides how a release ends."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from fairlead.model import Release, ReleaseState, StepName
from tests.bench.bench import Bench, sha_of
from tests.bench.dying import due, flow_process, gates, holding, settled, until
from tests.contract.fake_slack import TOKEN, FakeSlack, refused, running_slack
from tests.contract.loopback import Answer, Asked, serving

CHANGES = {
    r"Time: [0-9.]+ s": "Time: …",
    r"\d+ answered": "… answered",
    r"/runs/flow-run/[0-9a-f-]{36}": "/runs/flow-run/…",
}


@dataclass
class Channel:
    """Where this test's project tells of its releases."""

    bench: Bench
    fake: FakeSlack
    api: str

    def shown(self) -> list[str]:
        """Each message as it reads now, with what differs from run to run left out."""
        return [text_of(message) for message in self.fake.messages.values()]

    def asked(self) -> list[tuple[str, str]]:
        """The calls in order: the method, and the headline that it brought."""
        return [
            (asked.path.removeprefix("/api/"), json.loads(asked.body)["text"])
            for asked in self.fake.asked
        ]

    def links(self, port: int | None = None) -> str:
        ui = self.bench.environ["PREFECT_API_URL"].removesuffix("/api")
        return (
            f"<http://{self.bench.project}.localhost:{port or self.bench.port}/"
            f"|Open the environment> · <{ui}/runs/flow-run/…|Open the run>"
        )

    def forget(self) -> None:
        self.fake.messages.clear()
        self.fake.asked.clear()


def text_of(message: dict[str, Any]) -> str:
    text = "\n".join(block["text"]["text"] for block in message["blocks"])
    for pattern, shown in CHANGES.items():
        text = re.sub(pattern, shown, text)
    return text


def tell(
    bench: Bench, api: str, token: str = "env:SLACK_TOKEN", channel: str = "#releases"
) -> None:
    slack = {"channel": channel, "token": token, "api": api}
    bench.environ |= {"SLACK_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
    bench.configure(environments={"dev": {"notify": {"slack": slack}}})


def outbox(bench: Bench) -> list[tuple[str, str | None, str | None]]:
    """Each message that was to be told: what became of it, and the problem."""

    def look(store: Any) -> list[tuple[str, str | None, str | None]]:
        with store.database.transaction() as connection:
            rows = connection.execute(
                "select destination, outcome, problem from outbox order by id"
            ).fetchall()
        return [(row["destination"], row["outcome"], row["problem"]) for row in rows]

    found: list[tuple[str, str | None, str | None]] = bench.read(look)
    return found


@pytest.fixture
def channel(bench: Bench) -> Iterator[Channel]:
    with running_slack() as (fake, api):
        tell(bench, api)
        yield Channel(bench, fake, api)


def test_good_release_is_one_message_that_is_brought_up_to_date(
    bench: Bench, channel: Channel
) -> None:
    sha = bench.push("v1")
    bench.release(sha, reason="fix the price of veal")
    begun = f"… Release 1: {bench.project} {sha[:7]} to dev is running"
    ended = f"✔ Release 1: {bench.project} {sha[:7]} to dev succeeded"
    calls = channel.asked()
    assert calls[0] == ("chat.postMessage", begun)
    assert set(calls[1:-1]) == {("chat.update", begun)}
    assert calls[-1] == ("chat.update", ended)
    assert channel.shown() == [
        f"*{ended}*\n"
        "Asked for by: tester\nWhy: fix the price of veal\nTime: …\n"
        "Requests meanwhile: … answered, 0 lost\n"
        f"{channel.links()}"
    ]
    told = [text_of(json.loads(asked.body)) for asked in channel.fake.asked]
    assert told[0] == (
        f"*{begun}*\nAsked for by: tester\nWhy: fix the price of veal\nStep: preflight\n"
        f"Time: …\n{channel.links()}"
    )
    steps = re.findall(r"Step: (\w+)", "".join(told))
    assert steps == sorted(steps, key=[str(name) for name in StepName].index)
    assert len(set(steps)) >= 5
    assert {outcome for _, outcome, _ in outbox(bench)} <= {"sent", "superseded"}


def test_release_that_does_not_come_is_told_with_its_reason_and_what_serves(
    bench: Bench, channel: Channel
) -> None:
    never = sha_of("never built")
    bench.release(never)
    repository = f"{bench.registry}/{bench.project}/web"
    assert channel.shown() == [
        f"*✖ Release 1: {bench.project} {never[:7]} to dev was refused. Nothing was touched*\n"
        "Asked for by: tester\nStep: verify_build\nTime: …\n"
        f"Error:\n```\n{repository} has no tag dev-{never}.\n```\n"
        "What to do: Did the build push it? See what there is: fairlead tags SERVICE\n"
        "All of it: `fairlead show 1 --verbose`\n"
        f"{channel.links()}"
    ]
    channel.forget()
    failing = bench.push("v1", MIGRATE="fail")
    bench.release(failing)
    told, details = channel.shown()
    assert told == (
        f"*✖ Release 2: {bench.project} {failing[:7]} to dev failed. "
        "Nothing ran there before, and nothing is served*\n"
        "Asked for by: tester\nFailed at: migrate\nTime: …\n"
        "Error:\n```\n'migrate' ended with exit code 7.\n```\n"
        "Its last lines:\n```\n  Applying app.v1... OK\nERROR: column app.price does not exist\n"
        "```\n"
        "What to do: No container was changed. If this command should not run, name those "
        'that should: [migrations] preset = "command", commands = [[…]]\n'
        "All of it: `fairlead show 2 --verbose`\n"
        f"{channel.links()}"
    )
    assert details == (
        "*What went wrong at migrate, release 2*\n"
        "Error:\n```\n'migrate' ended with exit code 7.\n```\n"
        "Its last lines:\n```\n  Applying app.v1... OK\nERROR: column app.price does not exist\n"
        "```\n"
        "What to do: No container was changed. If this command should not run, name those "
        'that should: [migrations] preset = "command", commands = [[…]]\n'
        "All of it: `fairlead show 2 --verbose`"
    )
    (ts, _), (_, reply) = channel.fake.messages.items()
    assert reply["thread_ts"] == ts


def test_release_that_is_put_back_or_cannot_be_is_told_with_what_to_do(
    bench: Bench, channel: Channel
) -> None:
    # An image that no other test has, because this one is lost below.
    good = bench.release(bench.push("v1", OWNER=bench.project))
    channel.forget()
    bug = bench.push("v2", BEHAVIOUR="bug")
    bench.release(bug)
    answered = f'http://{bench.project}.localhost/ answered 500, not 200: "a bug".'
    assert channel.shown() == [
        f"*✖ Release 2: {bench.project} {bug[:7]} to dev failed and was put back. "
        f"The old version {good.sha[:7]} serves again*\n"
        "Asked for by: tester\nFailed at: check_health\nTime: …\n"
        "Requests meanwhile: … answered, 0 lost\n"
        f"Error:\n```\n{answered}\n```\n"
        "All of it: `fairlead show 2 --verbose`\n"
        f"{channel.links()}",
        "*What went wrong at check_health, release 2*\n"
        f"Error:\n```\n{answered}\n```\n"
        f"Put back: {good.sha[:7]} serves again; the database keeps app.v2, "
        "and the old code answered its health checks on them\n"
        "All of it: `fairlead show 2 --verbose`",
    ]
    channel.forget()
    image = lose_what_runs(bench, good)
    worse = bench.push("v3", BEHAVIOUR="bug")
    bench.release(worse)
    told, details = channel.shown()
    error = (
        "Error:\n```\ndev was NOT put back.\n"
        f"The release failed: {answered}\n"
        f"Putting it back failed: local could not pull {image}: "
        f"manifest for {image} not found: manifest unknown: manifest unknown.\n```\n"
    )
    assert told.replace("1 lost", "… lost").replace("0 lost", "… lost") == (
        f"*‼ Release 3: {bench.project} {worse[:7]} to dev failed and could NOT be put back. "
        "A person has to act now*\n"
        "Asked for by: tester\nFailed at: check_health\nTime: …\n"
        "Requests meanwhile: … answered, … lost\n"
        f"{error}"
        "What to do: Mend the second error, then: fairlead settle dev\n"
        "All of it: `fairlead show 3 --verbose`\n"
        f"{channel.links()}"
    )
    assert details == (
        "*What went wrong at check_health, release 3*\n"
        f"{error}"
        "What to do: Mend the second error, then: fairlead settle dev\n"
        "All of it: `fairlead show 3 --verbose`"
    )
    assert {outcome for _, outcome, _ in outbox(bench)} <= {"sent", "superseded"}


def test_release_whose_process_died_is_told_once_it_is_settled(
    bench: Bench, channel: Channel
) -> None:
    first = bench.release(bench.push("v1"))
    channel.forget()
    sha = bench.push("v2")
    with gates(bench) as closed:
        closed.after(StepName.DEPLOY)
        with flow_process(bench, "release", environment="dev", sha=sha) as flow:
            until(closed.waiting, "it has deployed")
            flow.kill()
            closed.drop_waiting()
            closed.forget()
    (running,) = channel.shown()
    assert running.startswith(f"*… Release 2: {bench.project} {sha[:7]} to dev is running*")
    assert settled(bench, wait=60) is not None
    words = (
        f"The process that made it died during deploy; {first.sha[:7]} serves. "
        "The database keeps what was migrated."
    )
    link, _, _ = channel.links().partition(" · ")
    assert channel.shown() == [
        f"*✖ Release 2: {bench.project} {sha[:7]} to dev failed and was put back. "
        f"The old version {first.sha[:7]} serves again*\n"
        f"Asked for by: tester\nFailed at: deploy\nTime: …\n"
        f"Error:\n```\n{words}\n```\n"
        f"All of it: `fairlead show 2 --verbose`\n{link}",
        f"*What went wrong at deploy, release 2*\nError:\n```\n{words}\n```\n"
        "All of it: `fairlead show 2 --verbose`",
    ]


def lose_what_runs(bench: Bench, release: Release) -> str:
    """Somebody cleans up too much: container and image of what runs are gone, in the registry too;
    the image's name."""
    container = bench.engine.containers.get(f"{bench.project}-dev-web-{release.id}-1")
    image = container.image
    assert image is not None
    container.remove(force=True)
    bench.engine.images.remove(str(image.id), force=True)
    (lost,) = bench.read(lambda store: store.ledger.images(release.id))
    place = f"http://{bench.registry}/v2/{bench.project}/web/manifests/{lost.digest}"
    assert httpx.delete(place, trust_env=False).status_code == 202
    return str(lost.reference)


def test_slack_that_is_away_or_says_no_or_hangs_never_fails_a_release(
    bench: Bench, channel: Channel
) -> None:
    channel.fake.scripted = [refused("not_in_channel")] * 20
    problems = [succeeds(bench, "v1")]
    tell(bench, "http://127.0.0.1:1/api/", channel="#away")
    problems.append(succeeds(bench, "v2"))
    with serving(silent) as address:
        tell(bench, f"http://{address}/api/", channel="#silent")
        problems.append(succeeds(bench, "v3"))
    tell(bench, channel.api, channel="#no-token", token="env:NO_SUCH_TOKEN")
    problems.append(succeeds(bench, "v4"))
    assert problems == [
        "Slack did not take a message for #releases: not_in_channel. It is tried again.",
        "Slack did not take a message for #away: unreachable. It is tried again.",
        "Slack did not take a message for #silent: timeout. It is tried again.",
        "The secret env:NO_SUCH_TOKEN is not there: the environment variable is not set. "
        "It is tried again.",
    ]
    assert bench.serves() == "v4"


def told_of(bench: Bench, sha: str) -> str:
    """What the history of its release says of telling."""
    release = bench.release(sha)
    (step,) = (step for step in bench.steps(release.id) if step.name is StepName.NOTIFY)
    return step.detail


def silent(_: Asked) -> Answer:
    time.sleep(7)
    return Answer()


def succeeds(bench: Bench, version: str) -> str:
    """The release does; what its history says of telling."""
    detail = told_of(bench, bench.push(version))
    assert bench.history()[0].state is ReleaseState.SUCCEEDED
    return detail


def test_what_slack_missed_is_told_in_order_when_it_is_back(bench: Bench, channel: Channel) -> None:
    tell(bench, channel.api, channel="C024BE91L")
    channel.fake.scripted = [refused("fatal_error")] * 20
    first, bug = bench.push("v1"), bench.push("v2", BEHAVIOUR="bug")
    assert told_of(bench, first).endswith(": fatal_error. It is tried again.")
    bench.release(bug)
    assert channel.fake.messages == {}
    waiting = [one for one in outbox(bench) if one[1] is None]
    assert len(waiting) == 3  # how the first ended, how the second ended, and its details
    channel.fake.scripted.clear()
    due(bench)
    told = bench.fairlead("notify", "--once")
    assert told.stdout == "3 messages sent.\n"
    assert [text.partition("\n")[0] for text in channel.shown()] == [
        f"*✔ Release 1: {bench.project} {first[:7]} to dev succeeded*",
        f"*✖ Release 2: {bench.project} {bug[:7]} to dev failed and was put back. "
        f"The old version {first[:7]} serves again*",
        "*What went wrong at check_health, release 2*",
    ]
    assert bench.fairlead("notify", "--once").stdout == "0 messages sent.\n"


def test_each_channel_hears_what_it_wants_to(bench: Bench, channel: Channel) -> None:
    everything = {"channel": "#releases", "token": "env:SLACK_TOKEN", "api": channel.api}
    alarms = {**everything, "channel": "C024BE91L", "at_least": "error"}
    bench.configure(environments={"dev": {"notify": {"slack": [everything, alarms]}}})
    good, bad = bench.push("v1"), bench.push("v2", MIGRATE="fail")
    bench.release(good)
    assert [message["channel"] for message in channel.fake.messages.values()] == ["C024BE91L"]
    channel.forget()
    bench.release(bad)
    posted = [
        (given["channel"], "thread_ts" in given)
        for asked in channel.fake.asked
        if asked.path == "/api/chat.postMessage" and (given := json.loads(asked.body))
    ]
    assert sorted(posted) == [
        ("#releases", False),
        ("C024BE91L", False),
        ("C024BE91L", True),
        ("C024BE91L", True),
    ]


def test_release_that_waits_for_another_is_told_from_the_beginning(
    bench: Bench, channel: Channel
) -> None:
    sha = bench.push("v1")
    with holding(bench):
        bench.release(sha, wait_minutes=0.02)
    assert len(channel.shown()) == 1
    assert [text for _, text in channel.asked()] == [
        f"… Release: {bench.project} {sha[:7]} to dev waits",
        f"✖ Release 1: {bench.project} {sha[:7]} to dev was refused. Nothing was touched",
    ]
    assert "Waits: dev is being changed by" in text_of(json.loads(channel.fake.asked[0].body))


def test_release_whose_process_dies_after_its_end_is_told_by_the_next_look(
    bench: Bench, channel: Channel
) -> None:
    sha = bench.push("v1")
    with gates(bench) as closed:
        closed.after(StepName.RETIRE)
        with flow_process(bench, "release", environment="dev", sha=sha) as flow:
            until(closed.waiting, "it has put the old one to rest")
            flow.kill()
            closed.drop_waiting()
            closed.forget()
    until(lambda: not bench.read(lambda store: store.leases.live(bench.project)), "it is dead")
    due(bench)
    bench.fairlead("notify", "--once")
    (told,) = channel.shown()
    assert told.startswith(f"*✔ Release 1: {bench.project} {sha[:7]} to dev succeeded*")
