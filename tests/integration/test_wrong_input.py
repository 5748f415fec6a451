"""Each wrong input through the real command: the exit code, the whole message, and that nothing
was touched, or that everything was put back."""

import re
import socket
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess

import pytest

from examples.stand.postgres import Postgres, create_database, postgres_url
from fairlead.model import Release, ReleaseState, Step, StepName, StepOutcome
from fairlead.registry import Registry
from tests.bench.bench import Bench, free_port, sha_of

SHA = sha_of("v1")


def release(bench: Bench, sha: str, code: int, **environ: str) -> CompletedProcess[str]:
    asked = ("release", "dev", sha, "--in-process")
    return bench.fairlead(*asked, code=code, timeout=120, **environ)


def ending(done: CompletedProcess[str]) -> str:
    """What the command says once the steps are over, without how long it took."""
    assert done.stderr == ""
    found = re.search(r"^Release .*", done.stdout, re.MULTILINE | re.DOTALL)
    assert found, done.stdout
    return re.sub(r" \(.*\)$", "", found[0], count=1, flags=re.MULTILINE)


def ended(bench: Bench, number: int) -> tuple[Release, dict[StepName, StepOutcome | None]]:
    """The release of that number, with how each of its steps ended."""
    found = bench.history()[-number]
    return found, {step.name: step.outcome for step in bench.steps(found.id)}


def told(found: Release) -> str:
    """What the command said of it, as the history has to have it."""
    return (
        f"Release {found.id}: {found.sha[:7]} to {found.environment}: "
        f"{found.state.replace('_', ' ')}\n{found.error}\n"
        f"All of it: fairlead show {found.id} --verbose\n"
    )


def on_the_engine(bench: Bench) -> list[str]:
    """Everything that this project has there, but its volumes."""
    networks = bench.engine.networks.list(filters={"label": f"fairlead.project={bench.project}"})
    roles = ("service", "proxy", "router", "job")
    return [*(name for role in roles for name in bench.containers(role)), *map(str, networks)]


def at_once(*acts: Callable[[], None]) -> None:
    """The commands of a test that do not meet, side by side."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done in [pool.submit(act) for act in acts]:
            done.result()


# -- refused before a release is begun -------------------------------------------------------

FIVE = """\
project = "Shop!"
lease_ttl = "soon"

[registry]
host = "registry.example"
hosts = "registry.example"

[services.web]
image = "shop/web"
depends_on = ["cache"]

[environments.dev]
hosts = ["prod1"]
domain = "dev.example"
"""


def test_what_cannot_be_meant_is_refused_and_not_even_recorded(bench: Bench) -> None:
    wrong = bench.folder / "wrong.toml"
    wrong.write_text(FIVE)
    none = bench.folder / "none.toml"

    def refused(message: str, *arguments: str) -> Callable[[], None]:
        def act() -> None:
            done = bench.fairlead(*arguments, code=2)
            assert (done.stdout, done.stderr) == ("", f"error: {message}\n")

        return act

    def no_sha(text: str) -> Callable[[], None]:
        message = (
            f'"{text}" is not a commit SHA: it has to be 40 lower-case hex digits.\n'
            "Take the full one: git rev-parse HEAD"
        )
        return refused(message, "release", "dev", text)

    at_once(
        no_sha(SHA[:7]),
        no_sha(SHA.upper()),
        no_sha(f"{SHA[:-1]}g"),
        refused('There is no environment "qa" in the config.\nIt has: dev', "release", "qa", SHA),
        refused(
            f"There is no config at {none}.\n"
            "Name yours (--config FILE, or FAIRLEAD_CONFIG), or write one: fairlead init",
            *("--config", str(none), "release", "dev", SHA),
        ),
        refused(
            f"{wrong}: 5 errors\n"
            "  project: string should match pattern '^[a-z][a-z0-9-]{0,30}$', got \"Shop!\"\n"
            "  registry.hosts: is not a key Fairlead knows\n"
            '  environments.dev.hosts[0]: should be unix://… or ssh://user@host, got "prod1"\n'
            "  lease_ttl: input should be a valid number, unable to parse string as a number, "
            'got "soon"\n'
            '  services.web.depends_on[0]: there is no service "cache"\n'
            "Mend the file and try: fairlead check",
            *("--config", str(wrong), "release", "dev", SHA),
        ),
    )
    assert bench.history() == []
    assert on_the_engine(bench) == []


# -- refused before anything is touched ------------------------------------------------------


def refused(bench: Bench, sha: str, code: int, message: str, **environ: str) -> None:
    """The release is refused with that message, recorded, and nothing was touched."""
    before, number = on_the_engine(bench), len(bench.history()) + 1
    said = ending(release(bench, sha, code, **environ))
    found, outcomes = ended(bench, number)
    assert (found.state, found.error) == (ReleaseState.REFUSED, message)
    assert said == told(found)
    assert set(outcomes) <= {StepName.PREFLIGHT, StepName.VERIFY_BUILD}
    assert list(outcomes.values())[-1] is StepOutcome.FAILED
    assert on_the_engine(bench) == before


def test_a_build_that_is_not_proven_is_refused(bench: Bench) -> None:
    repository = f"{bench.registry}/{bench.project}/web"
    refused(
        bench,
        SHA,
        3,
        f"{repository} has no tag dev-{SHA}.\n"
        "Did the build push it? See what there is: fairlead tags SERVICE",
    )
    bench.push("v1", label=sha_of("v2"))
    refused(
        bench,
        SHA,
        3,
        f"{repository}:dev-{SHA} was built from {sha_of('v2')}, not from {SHA} "
        "(its label org.opencontainers.image.revision says so).\n"
        "Build the image of this commit, or release the commit it was built from.",
    )
    assert on_the_engine(bench) == []


def test_a_tag_that_moved_is_refused_and_what_runs_goes_on(bench: Bench) -> None:
    repository, tag = f"{bench.project}/web", f"dev-{bench.push('v1')}"
    registry = Registry(bench.registry, insecure=True)
    first = registry.resolve(repository, tag).digest
    bench.release(SHA)
    bench.push("another", sha=SHA)
    moved = registry.resolve(repository, tag).digest
    assert moved != first
    message = (
        f"tag moved: {bench.registry}/{repository}:{tag} is {moved}, "
        f"but it was {first} when first released.\n"
        "A release tag never moves: build a new commit, or push the old digest."
    )
    refused(bench, SHA, 3, message)
    planned = bench.fairlead("release", "dev", SHA, "--dry-run", code=3)
    assert (planned.stdout, planned.stderr) == ("", f"error: {message}\n")
    assert bench.serves() == "v1"


def test_a_secret_that_is_missing_is_named_before_anything_is_touched(bench: Bench) -> None:
    sha = bench.push("v1")
    bench.configure(environments={"dev": {"secrets": {"APP_KEY": "env:NOT_SET"}}})
    refused(
        bench,
        sha,
        3,
        "The secret env:NOT_SET is not there: the environment variable is not set.\n"
        "Set it where Fairlead runs, then try: fairlead check",
    )
    assert on_the_engine(bench) == []


def test_a_registry_or_a_host_that_stays_away_is_told(bench: Bench) -> None:
    """Both are asked again for some seconds, so side by side in two environments."""
    sha = bench.push("v1")
    socket_file = bench.folder / "none.sock"
    dead = f"127.0.0.1:{free_port()}"
    gone = bench.environment(free_port(), hosts=[f"unix://{socket_file}"])
    bench.configure(registry={"host": dead}, environments={"uat": gone})
    refusal = {
        "dev": f"The registry {dead} refuses the connection.\n"
        "Wait for it, or mend the way to it, then try: fairlead check",
        "uat": f"The Docker engine of unix://{socket_file} does not answer: "
        "[Errno 2] No such file or directory.\n"
        "Start it, or mend the way to it, then try: fairlead check",
    }

    def away(environment: str) -> Callable[[], None]:
        def act() -> None:
            done = bench.fairlead("release", environment, sha, "--in-process", code=3)
            (found,) = bench.history(environment)
            assert (found.state, found.error) == (ReleaseState.REFUSED, refusal[environment])
            assert ending(done) == told(found)

        return act

    at_once(away("dev"), away("uat"))
    assert on_the_engine(bench) == []


def test_a_database_that_does_not_let_us_in_is_told_without_its_password(
    bench: Bench, postgres: Postgres
) -> None:
    sha = bench.push("v1")
    name = f"app_{uuid.uuid4().hex[:8]}"
    create_database(postgres, name, role=name, password="right")
    where = f"{postgres.host}:{postgres.port}/{name}"
    dead = free_port()
    bench.configure(environments={"dev": {"database": {"url": "env:APP_URL"}}})
    next_step = "Mend the way to it or its password, then try: fairlead check dev"
    for url, address, why in (
        (
            postgres_url(postgres, name, "planted-7f3a91", name),
            where,
            f'connection failed: connection to server at "{postgres.host}", '
            f"port {postgres.port} failed: FATAL:  "
            f'password authentication failed for user "{name}"',
        ),
        (
            f"postgresql://{name}:planted-7f3a91@127.0.0.1:{dead}/{name}",
            f"127.0.0.1:{dead}/{name}",
            f'connection failed: connection to server at "127.0.0.1", port {dead} failed: '
            "Connection refused",
        ),
    ):
        message = f"The database of dev at {address} does not let us in: {why}.\n{next_step}"
        refused(bench, sha, 3, message, APP_URL=url)
    checked = bench.fairlead("check", "dev", code=3, APP_URL=url)
    assert checked.stdout.endswith(
        f"FAILED  dev: database: The database of dev at {address} does not let us in: {why}.\n"
        f"        {next_step}\n"
    )
    assert on_the_engine(bench) == []


# -- a first release that fails leaves nothing behind ----------------------------------------

OWN_LIST = (
    "No container was changed. If this command should not run, name those that should: "
    '[migrations] preset = "command", commands = [[…]]'
)


def test_a_first_migration_that_fails_leaves_nothing_behind(bench: Bench) -> None:
    sha = bench.push("v1", MIGRATE="fail")
    said = ending(release(bench, sha, 4))
    found, outcomes = ended(bench, 1)
    assert (found.state, found.error) == (
        ReleaseState.FAILED,
        "`migrate` ended with exit code 7. Its last lines:\n"
        "      Applying app.v1... OK\n"
        "    ERROR: column app.price does not exist\n"
        f"{OWN_LIST}",
    )
    assert said == told(found)
    assert list(outcomes)[-1] is StepName.MIGRATE
    assert on_the_engine(bench) == []


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (
            "exits",
            "web on local exited with 3. Its last lines:\n"
            "    version v1 starts, exits\n"
            "    cannot go on: no configuration",
        ),
        (
            "sick",
            'web on local was not healthy within 1 s: /healthz answered 503, not 200: "sick". '
            "Its last lines:\n"
            "    version v1 starts, sick",
        ),
    ],
)
def test_a_first_container_that_does_not_become_healthy_leaves_nothing_behind(
    bench: Bench, behaviour: str, error: str
) -> None:
    bench.configure(services={"web": {"health": {"timeout": 1}}})
    said = ending(release(bench, bench.push("v1", BEHAVIOUR=behaviour), 4))
    found, outcomes = ended(bench, 1)
    assert (found.state, found.error) == (ReleaseState.ROLLED_BACK, error)
    assert said == told(found)
    assert outcomes[StepName.DEPLOY] is StepOutcome.FAILED
    assert outcomes[StepName.ROLL_BACK] is StepOutcome.SUCCEEDED
    assert on_the_engine(bench) == []


def test_a_port_that_somebody_else_has_is_told_and_nothing_is_left_behind(bench: Bench) -> None:
    sha = bench.push("v1")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", bench.port))
        taken.listen()
        said = ending(release(bench, sha, 4))
    found, outcomes = ended(bench, 1)
    assert found.state is ReleaseState.ROLLED_BACK
    assert re.fullmatch(
        r"local could not start the proxy: .*: bind: address already in use\.", str(found.error)
    )
    assert said == told(found)
    assert outcomes[StepName.ROLL_BACK] is StepOutcome.SUCCEEDED
    assert on_the_engine(bench) == []


# -- where something runs, it goes on --------------------------------------------------------


def test_what_runs_goes_on_whatever_the_next_version_does_wrong(bench: Bench) -> None:
    bench.configure(migrations={"timeout": 2})
    first = bench.release(bench.push("v1"))
    running = on_the_engine(bench)

    hangs = release(bench, bench.push("v2", MIGRATE="hang"), 4)
    found, outcomes = ended(bench, 2)
    assert (found.state, found.error) == (
        ReleaseState.FAILED,
        f"`migrate` was killed after 2 s. Its last lines:\n      Applying app.v2... OK\n{OWN_LIST}",
    )
    assert ending(hangs) == told(found)
    assert list(outcomes)[-1] is StepName.MIGRATE
    assert on_the_engine(bench) == running

    exits = release(bench, bench.push("v3", BEHAVIOUR="exits"), 4)
    found, outcomes = ended(bench, 3)
    assert (found.state, found.error) == (
        ReleaseState.ROLLED_BACK,
        "web on local exited with 3. Its last lines:\n"
        "    version v3 starts, exits\n"
        "    cannot go on: no configuration",
    )
    assert ending(exits) == told(found)
    assert StepName.CHECK_HEALTH not in outcomes
    assert on_the_engine(bench) == running

    buggy = release(bench, bench.push("v4", BEHAVIOUR="bug"), 4)
    found, outcomes = ended(bench, 4)
    assert (found.state, found.error) == (
        ReleaseState.ROLLED_BACK,
        f'http://{bench.project}.localhost/ answered 500, not 200: "a bug".',
    )
    assert ending(buggy) == told(found)
    assert roll_back(bench, found).detail == (
        f"{first.sha[:7]} serves again; the database keeps app.v4, "
        "and the old code answered its health checks on them"
    )
    assert on_the_engine(bench) == running
    assert bench.serves() == "v1"


def roll_back(bench: Bench, found: Release) -> Step:
    (only,) = [step for step in bench.steps(found.id) if step.name is StepName.ROLL_BACK]
    return only
