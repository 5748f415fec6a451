"""What watch_drift finds on a real engine, what it settles, and that each change is told once."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fairlead.model import NotedDrift, ReleaseState, StepName
from tasks import watch as steps
from tasks.announce import tell
from tests.bench.bench import ENGINE, Bench, merged
from tests.bench.dying import flow_process, gates, opened, until
from tests.contract.fake_slack import TOKEN, FakeSlack, running_slack
from tests.contract.loopback import Answer, Asked, serving

HEALTH = "/file?path=/app.py"  # so that a container can fall ill


@dataclass
class Watched:
    """The bench's project, whose dev is told of in Slack; its engine is reached by a link that can
    be taken away."""

    bench: Bench
    fake: FakeSlack
    link: Path

    api: str

    def __post_init__(self) -> None:
        self.configure()

    def environment(self) -> dict[str, Any]:
        slack = {"channel": "#releases", "token": "env:SLACK_TOKEN", "api": self.api}
        engine = {"hosts": [f"unix://{self.link}"], "notify": {"slack": slack}}
        return self.bench.environment(self.bench.port, **engine)

    def configure(self, **over: Any) -> None:
        self.bench.environ |= {"SLACK_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
        usual = {
            "services": {"web": {"health": {"path": HEALTH}}},
            "environments": {"dev": self.environment()},
        }
        self.bench.configure(**merged(usual, over))

    def watch(self) -> list[str]:
        """What watch_drift does, without Prefect, which is quicker; what was told by it, each
        message as lines."""
        before = len(self.fake.asked)
        with opened(self.bench) as project:
            steps.settle_dead.fn(project)
            looks = [steps.look.fn(project, name) for name in project.config.environments]
            changes = steps.note.fn(project, looks, steps.compare_commits.fn(project))
            tell.fn(project, looks, changes)
        sent = [json.loads(asked.body) for asked in self.fake.asked[before:]]
        return ["\n".join(block["text"]["text"] for block in one["blocks"]) for one in sent]

    def open(self, environment: str = "dev") -> list[NotedDrift]:
        found: list[NotedDrift] = self.bench.read(
            lambda store: store.drifts.open(self.bench.project, environment)
        )
        return found

    def kinds(self, environment: str = "dev") -> list[str]:
        return [one.drift.kind.value for one in self.open(environment)]

    def container(self, release: int) -> Any:
        return self.bench.engine.containers.get(f"{self.bench.project}-dev-web-{release}-1")

    def run(self, image: str, name: str, **labels: str) -> None:
        """By hand, in the environment's network."""
        ours = {f"fairlead.{key}": value for key, value in labels.items()}
        mark = {"fairlead.project": self.bench.project}  # by this the bench removes it
        network = f"{self.bench.project}-dev"
        self.bench.engine.containers.run(
            image, name=name, network=network, labels={**mark, **ours}, detach=True
        )

    @property
    def url(self) -> str:
        return f"<http://{self.bench.project}.localhost:{self.bench.port}/|Open the environment>"


@pytest.fixture
def watched(bench: Bench, tmp_path: Path) -> Iterator[Watched]:
    link = tmp_path / "engine"
    link.symlink_to(ENGINE.removeprefix("unix://"))
    with running_slack() as (fake, api):
        yield Watched(bench, fake, link, api)


def test_each_difference_is_told_once_when_it_comes_and_once_when_it_goes(
    watched: Watched,
) -> None:
    bench, host = watched.bench, str(watched.link)
    other = f"{bench.registry}/{bench.project}/web:dev-{bench.push('v2')}"
    sha = bench.push("v1")
    release = bench.release(sha)
    assert watched.watch() == []

    name = watched.container(release.id).name
    watched.container(release.id).remove(force=True)
    again = f"fairlead release dev {sha} --force"
    after = f"All of it: `fairlead drift dev`\n{watched.url}"
    wrong = f"*✖ {bench.project} dev: what runs is not what was released*"
    gone = f"{host}: {name} is gone"
    assert watched.watch() == [
        f"{wrong}\nOtherwise than released:\n• {gone}\nWhat to do: `{again}`\n{after}"
    ]
    assert watched.watch() == []

    watched.run(other, name)
    digest = bench.engine.images.get(other).attrs["RepoDigests"][0].rpartition("@")[2]
    old = watched.bench.read(lambda store: store.ledger.images(release.id))[0].digest
    replaced = f"{name} runs another image: {digest[:19]}"
    assert watched.watch() == [
        f"{wrong}\nOtherwise than released:\n"
        f"• {host}: {replaced} (recorded is {old[:19]})\n"
        f"No more:\n• {gone}\nWhat to do: `{again}`\n{after}"
    ]
    assert watched.watch() == []

    stranger = f"{bench.project}-stranger"
    watched.run(other, stranger, environment="dev", role="service", origin="999")
    unknown = f"{host}: {stranger} is unknown: no release that runs or is kept has it"
    assert watched.watch() == [
        f"{wrong}\nOtherwise than released:\n• {unknown} (of release 999, running)\n"
        f"What to do: `on {host}: docker inspect {stranger}`\n{after}"
    ]
    assert watched.watch() == []

    told_by_command(watched, name, replaced, stranger)
    for made in (stranger, name):
        bench.engine.containers.get(made).remove(force=True)
    bench.release(sha, if_unchanged="release again")
    (told,) = watched.watch()
    assert told.splitlines()[0] == f"*✔ {bench.project} dev: what was released runs again*"
    assert watched.watch() == []
    assert bench.fairlead("drift", "dev").stdout == (f"dev ({sha[:7]}, release 2): as released\n")


def told_by_command(watched: Watched, name: str, replaced: str, stranger: str) -> None:
    """A person asks by hand: everything that is otherwise, since when, and what to run."""
    bench, host = watched.bench, watched.link
    release = bench.history()[0]
    done = bench.fairlead("drift", code=7)
    shown = [line.partition(", since 20")[0] for line in done.stdout.splitlines()]
    assert done.stdout.count(", since 20") == 2
    assert shown == [
        f"dev ({release.sha[:7]}, release 1): not as released",
        f"  {host}: {replaced}",
        shown[2],
        f"    what to run: fairlead release dev {release.sha} --force",
        f"  {host}: {stranger} is unknown: no release that runs or is kept has it",
        "    why: of release 999, running",
        f"    what to run: on {host}: docker inspect {stranger}",
    ]
    assert shown[2].startswith("    why: recorded is sha256:")
    (found,) = bench.fairlead_json("drift", code=7)
    assert [one["kind"] for one in found["look"]["drifts"]] == ["other_digest", "unknown"]
    assert watched.watch() == [], "asking changes nothing of what is told"


def test_what_cannot_be_seen_is_not_told_as_gone(watched: Watched) -> None:
    bench, host = watched.bench, str(watched.link)
    release = bench.release(bench.push("v1"))
    well = watched.container(release.id)
    application = b"".join(well.get_archive("/app.py")[0])
    assert well.exec_run(["rm", "/app.py"]).exit_code == 0
    (told,) = watched.watch()
    assert f"• {host}: {well.name} is not healthy (" in told
    assert watched.watch() == []

    watched.link.unlink()
    (told,) = watched.watch()
    assert f"Otherwise than released:\n• {host}: the host cannot be looked at (" in told
    assert "No more:" not in told
    assert "What to do: `fairlead check dev`" in told
    assert watched.watch() == []
    assert watched.kinds() == ["unhealthy", "host_away"]

    watched.link.symlink_to(ENGINE.removeprefix("unix://"))
    bench.engine.containers.get(f"{bench.project}-dev-proxy").stop(timeout=1)
    (told,) = watched.watch()
    assert f"• {host}: the proxy does not answer (" in told
    assert f"No more:\n• {host}: the host cannot be looked at (" in told
    assert watched.kinds() == ["unhealthy", "proxy_away"], "nobody could ask how it is"

    well.put_archive("/", application)
    bench.engine.containers.get(f"{bench.project}-dev-proxy").start()
    (told,) = watched.watch()
    assert told.startswith(f"*✔ {bench.project} dev: what was released runs again*")
    assert watched.kinds() == []


def test_container_that_stopped_or_is_only_kept_and_runs_is_told(watched: Watched) -> None:
    bench = watched.bench
    first, second = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    watched.container(first.id).start()
    watched.container(second.id).kill("SIGKILL")
    watched.container(second.id).update(restart_policy={"Name": "no"})
    until(lambda: watched.container(second.id).status in ("running", "exited"), "it settled")
    watched.container(second.id).stop(timeout=1)
    watched.watch()
    assert watched.kinds() == ["stopped", "not_at_rest"]


def test_release_whose_process_was_killed_is_settled_and_told(watched: Watched) -> None:
    bench = watched.bench
    first = bench.release(bench.push("v1"))
    sha = bench.push("v2")
    with gates(bench) as closed:
        closed.after(StepName.DEPLOY, "dev")
        with flow_process(bench, "release", environment="dev", sha=sha) as flow:
            until(closed.waiting, "it has deployed")
            assert bench.serves() == "v2"
            watched.fake.asked.clear()
            assert watched.watch() == [], "a release that goes on is nobody's to judge"
            flow.kill()
            closed.drop_waiting()
            closed.forget()
            dead = flow.release()
    until(lambda: not bench.read(lambda store: store.leases.live(bench.project)), "lease is free")
    told = watched.watch()
    words = (
        f"The process that made it died during deploy; {first.sha[:7]} serves. "
        "The database keeps what was migrated."
    )
    assert bench.serves() == "v1"
    after = bench.history()[0]
    assert (after.id, after.state, after.error) == (dead.id, ReleaseState.ROLLED_BACK, words)
    assert [step.name for step in bench.steps(dead.id)][-1] is StepName.SETTLE
    headline = f"*✖ Release {dead.id}: {bench.project} {sha[:7]} to dev failed and was put back. "
    assert told[0].startswith(headline)
    assert watched.kinds() == []
    assert watched.watch() == []


def test_release_that_cannot_be_settled_is_told_once_and_is_settled_when_it_can_be(
    watched: Watched,
) -> None:
    bench, host = watched.bench, str(watched.link)
    bench.release(bench.push("v1"))
    sha = bench.push("v2", BEHAVIOUR="sick")
    with flow_process(bench, "release", environment="dev", sha=sha) as flow:
        until(lambda: len(bench.containers(state="running")) == 2, "the new one was started")
        flow.kill()
    until(lambda: not bench.read(lambda store: store.leases.live(bench.project)), "lease is free")
    watched.link.unlink()
    (told,) = watched.watch()
    assert f"• release 2 ({sha[:7]}) was left half-done" in told
    assert f"• {host}: the host cannot be looked at (" in told
    assert "What to do: `fairlead settle dev`" in told
    assert watched.watch() == []
    assert StepName.SETTLE not in [step.name for step in bench.steps(2)], "no row for each try"

    watched.link.symlink_to(ENGINE.removeprefix("unix://"))
    assert "died during deploy" in watched.watch()[0]
    assert (watched.watch(), watched.kinds()) == ([], [])


def test_environment_that_is_being_changed_is_not_judged(watched: Watched) -> None:
    bench = watched.bench
    release = bench.release(bench.push("v1"))
    watched.container(release.id).remove(force=True)
    with bench.store() as store:
        fencing = store.leases.acquire(bench.project, "dev", "somebody", 60)
        assert watched.watch() == []
        done = bench.fairlead("drift")
        store.leases.release(bench.project, "dev", fencing)
    words = "not looked at, it is being changed by somebody"
    assert done.stdout == f"dev ({release.sha[:7]}, release 1): {words}\n"
    assert len(watched.watch()) == 1


def test_commits_that_wait_are_counted_and_told_once_a_change(watched: Watched) -> None:
    bench, answers, asked = watched.bench, {"ahead_by": 3, "behind_by": 0}, []

    def github(request: Asked) -> Answer:
        asked.append(request.path)
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(answers).encode())

    with serving(github) as address:
        watched.configure(
            github={"repository": "shop/shop", "api": f"http://{address}"},
            environments={
                "dev": {"branch": "develop"},
                "uat": {**watched.environment(), "branch": "main", "promotes_from": "dev"},
            },
        )
        after = f"All of it: `fairlead drift uat`\n{watched.url}"
        waits = f"{bench.project} uat: dev is 3 commits ahead of uat"
        assert watched.watch() == [f"*… {waits}*\n{after}"]
        assert watched.watch() == []
        answers["ahead_by"] = 4
        assert watched.watch() == [f"*… {waits.replace('3 commits', '4 commits')}*\n{after}"]
        said = bench.fairlead("drift").stdout
        assert said == (
            "dev: nothing was released here\n"
            "uat: nothing was released here\n"
            "  dev is 4 commits ahead of uat (main...develop)\n"
        )
    assert set(asked) == {"/repos/shop/shop/compare/main...develop"}
    assert watched.watch() == [], "GitHub is away: nobody knows better"
    assert watched.kinds("uat") == ["ahead"]
