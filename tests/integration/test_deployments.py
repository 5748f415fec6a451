"""deployments/: the image, and the compose file with everything that it brings up."""

import json
import re
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from prefect.workers.process import ProcessWorker
from prefect_docker.worker import DockerWorker

from examples.stand.engine import SOCKET
from examples.stand.images import Images
from examples.stand.prefect_server import PrefectServer
from fairlead.model import ReleaseState
from tests.bench.bench import Bench, free_port
from tests.bench.compose import DEPLOYMENTS, Stack
from tests.bench.prefect import Api, Stage, staged, wait_for
from tests.bench.worker_image import PUBLIC_BASE, redis_image, worker_image

pytestmark = pytest.mark.xdist_group("deployments")

CONFIG = """\
project = "stack"

[registry]
host = "127.0.0.1:1"

[services.web]
image = "stack/web"
port = 8000
routes = [{ path = "/" }]
health = { path = "/healthz" }

[environments.dev]
hosts = ["unix:///var/run/docker.sock"]
domain = "stack.localhost"

[dispatch]
repositories = ["someone/stack"]
environments = ["dev"]
secrets = ["file:/etc/fairlead/webhook-secret"]
"""
PREFECT_YAML = """\
name: stack
deployments:
  - name: promote
    entrypoint: flows.promote:promote
    work_pool: { name: fairlead }
"""


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient, images: Images) -> str:
    return worker_image(engine, images)


def said_in(image: str, *command: str) -> str:
    """What a command prints in a container of the image that has no network."""
    return subprocess.run(
        ["docker", "run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", image, *command],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


# -- the image ------------------------------------------------------------------------------------


def test_image_runs_fairlead_its_flows_and_prefect_as_somebody_without_rights(image: str) -> None:
    assert said_in(image, "id", "-u") == "10001"
    assert said_in(image, "fairlead", "--version").startswith("fairlead, version ")
    imports = "import flows.running as m, paramiko, prefect_redis, asyncpg; print(m.__cached__)"
    compiled = said_in(image, "python", "-c", imports)
    assert said_in(image, "ls", compiled) == compiled


def test_image_holds_neither_history_nor_tests_nor_what_built_it(image: str) -> None:
    ours = ["find", "/opt", "/home", "/var/lib/fairlead"]
    unwanted = ["-name", ".git", "-o", "-name", "*.whl", "-o", "-name", "test_deployments.py"]
    assert said_in(image, *ours, *unwanted) == ""
    assert said_in(image, "sh", "-c", "test -e /src || test -e /build || echo none") == "none"


def test_image_takes_its_secrets_from_files_named_like_variables(
    image: str, tmp_path: Path
) -> None:
    given = {"PLANTED": "a $HOME `id`", "SET_ALREADY": "from the file", "lower.case": "no variable"}
    run = ["docker", "run", "--rm"]
    for name, value in given.items():
        (tmp_path / name).write_text(value)
        run += ["--volume", f"{tmp_path / name}:/run/secrets/{name}:ro"]
    script = 'echo "$PLANTED, $SET_ALREADY"'
    done = subprocess.run(
        [*run, "--env=SET_ALREADY=given", image, "sh", "-c", script],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "a $HOME `id`, given\n"


def test_dockerfile_builds_from_the_public_image_unless_told_otherwise() -> None:
    assert f"ARG BASE={PUBLIC_BASE}\n" in (DEPLOYMENTS / "worker" / "Dockerfile").read_text()


# -- the compose file -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(
    engine: docker.DockerClient,
    images: Images,
    image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    port = free_port()
    settings = {
        "FAIRLEAD_IMAGE": image,
        "POSTGRES_IMAGE": images.postgres,
        "REDIS_IMAGE": redis_image(engine, images),
        "CADDY_IMAGE": images.caddy,
        "FAIRLEAD_HTTPS_PORT": str(port),
        "FAIRLEAD_HTTP_PORT": str(free_port()),
        "FAIRLEAD_PORT_IN_URL": f":{port}",
        "FAIRLEAD_NETWORK": f"stack{port}",
    }
    made = Stack(f"stack{port}", tmp_path_factory.mktemp("stack") / "deployments", settings)
    project = made.folder / "project"
    (project / "fairlead.toml").write_text(CONFIG)
    (project / "prefect.yaml").write_text(PREFECT_YAML)
    (project / "webhook-secret").write_text("planted-webhook-secret-27c1")
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx.Client]:
    """Somebody outside, who trusts the authority that Caddy made for localhost."""
    root = "/data/caddy/pki/authorities/local/root.crt"
    wait_for(lambda: stack.compose("exec", "-T", "caddy", "ls", root), "Caddy's authority")
    trusted = ssl.create_default_context(cadata=stack.compose("exec", "-T", "caddy", "cat", root))
    url = f"https://localhost:{stack.settings['FAIRLEAD_HTTPS_PORT']}"
    with httpx.Client(base_url=url, verify=trusted, trust_env=False, timeout=30) as made:
        yield made


@pytest.fixture(scope="module")
def api(stack: Stack, client: httpx.Client) -> Iterator[Api]:
    """Prefect's API for somebody who has the password, and a token against CSRF."""
    user, _, password = stack.secret("PREFECT_API_AUTH_STRING").partition(":")
    login = httpx.BasicAuth(user, password)
    token = client.get("/api/csrf-token", params={"client": "tests"}, auth=login).json()["token"]
    known = {"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token}
    context: Any = client._transport._pool._ssl_context  # type: ignore[attr-defined]
    with httpx.Client(
        base_url=f"{client.base_url}/api",
        auth=login,
        headers=known,
        verify=context,
        trust_env=False,
        timeout=30,
    ) as made:
        yield Api(made)


def test_api_wants_a_password_and_a_token_against_csrf(
    stack: Stack, client: httpx.Client, api: Api
) -> None:
    user, _, password = stack.secret("PREFECT_API_AUTH_STRING").partition(":")
    wrong, right = httpx.BasicAuth(user, "guess"), httpx.BasicAuth(user, password)
    assert client.get("/api/admin/version").status_code == 401
    assert client.get("/api/admin/version", auth=wrong).status_code == 401
    assert client.get("/api/admin/version", auth=right).status_code == 200
    assert client.post("/api/flows/filter", json={}, auth=right).status_code == 403
    assert isinstance(api.ask("POST", "/flows/filter", {}), list)


def test_ui_is_told_where_its_api_is(client: httpx.Client) -> None:
    assert client.get("/ui-settings").json()["api_url"] == f"{client.base_url}/api"


def test_receiver_answers_beside_prefect_and_wants_a_signature(
    stack: Stack, client: httpx.Client
) -> None:
    stack.await_health("receiver")
    assert client.post("/github", json={}).status_code == 401


def test_flow_run_completes_on_the_worker(stack: Stack, api: Api) -> None:
    deploy = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file"]
    stack.compose("run", "--rm", "-T", "worker", *deploy, "/etc/fairlead/prefect.yaml")
    ended = api.ended(api.start("promote/promote", {}), 120)
    assert ended["state"]["type"] == "COMPLETED", ended["state"]


def test_worker_is_healthy_only_while_prefect_hears_of_it(stack: Stack) -> None:
    stack.await_health("worker")
    check = ["docker", "exec", stack.container("worker"), "with-secrets", "takes-runs"]
    other = subprocess.run([*check, "nothing"], check=False, capture_output=True, text=True)
    assert other.returncode == 1
    assert other.stderr.startswith("Prefect at http://caddy:4200/api: HTTP Error 404")


def test_one_server_carries_on_when_the_other_is_stopped(stack: Stack, api: Api) -> None:
    def asked() -> tuple[int, str]:
        answer = api.client.post("/flows/filter", json={})
        return answer.status_code, answer.text[:200]

    stack.compose("stop", "--timeout", "5", "server-1")
    # Connections that were open to it may each cost a 502, after which Prefect's client asks again;
    # the servers take turns, so four of them have asked both twice.
    wait_for(lambda: {asked()[0] for _ in range(4)} == {200}, "the other server", 60)
    got = [asked() for _ in range(20)]
    assert [code for code, _ in got] == [200] * 20, (got, stack.compose("logs", "caddy"))
    stack.compose("start", "server-1")


def test_secrets_show_neither_in_the_containers_settings_nor_in_their_commands(
    stack: Stack,
) -> None:
    shown = "".join(
        stack.check(["docker", "inspect", id]) + stack.check(["docker", "top", id])
        for id in stack.compose("ps", "--quiet").split()
        if stack.check(["docker", "inspect", "--format={{.State.Running}}", id]).strip() == "true"
    )
    drawn = [file.read_text() for file in (stack.folder / "secrets").iterdir()]
    assert len(drawn) == 10
    assert [secret for secret in drawn if secret in shown] == []


def test_only_caddy_is_published_and_on_loopback(stack: Stack) -> None:
    for service in ("postgres", "redis", "server-1", "worker", "receiver"):
        assert not any((stack.inspect(service)["HostConfig"]["PortBindings"] or {}).values())
    bindings = stack.inspect("caddy")["HostConfig"]["PortBindings"].values()
    assert {one["HostIp"] for given in bindings for one in given} == {"127.0.0.1"}


def test_worker_is_given_longer_to_stop_than_it_drains(stack: Stack) -> None:
    text = (DEPLOYMENTS / "compose.yaml").read_text()
    (minutes,) = re.findall(r"stop_grace_period: (\d+)m\n    depends_on:\n      caddy", text)
    assert int(minutes) * 60 >= 900 + 60


# -- a release ------------------------------------------------------------------------------------


@contextmanager
def worker_of(stage: Stage, image: str) -> Iterator[None]:
    """A worker in a container as compose.local-engine.yaml has it, but on the host's network, where
    the bench's registry, store and Prefect are."""
    pool, bench = stage.environment, stage.bench
    name = f"{bench.project}-worker"
    # The bench's own template names this machine's Python.
    template = ProcessWorker.get_default_base_job_template()
    stage.api.ask("PATCH", f"/work_pools/{pool}", {"base_job_template": template})
    variables = ("FAIRLEAD_STORE_URL", "APP_KEY", "PREFECT_API_URL")
    options = [
        *("--detach", "--rm", "--init", "--network=host", f"--name={name}"),
        *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
        *(f"--group-add={SOCKET.stat().st_gid}", f"--volume={SOCKET}:/var/run/docker.sock"),
        f"--volume={bench.folder}/fairlead.toml:/etc/fairlead/fairlead.toml:ro",
        *(f"--env={name}" for name in variables),
    ]
    command = ["fairlead", "worker", pool]
    subprocess.run(
        ["docker", "run", *options, image, *command],
        check=True,
        capture_output=True,
        env=bench.environ,
    )
    try:
        yield
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)


def said_by(stage: Stage, run: dict[str, Any]) -> str:
    """Why a run ended as it did, for somebody who reads a failed test."""
    lines = [line["message"] for line in stage.api.logs(run["id"])]
    return "\n".join([str(run["state"].get("message")), *lines[-20:]])


def test_worker_in_a_container_releases_to_the_engine_whose_socket_it_has(
    bench: Bench, prefect_server: PrefectServer, image: str, tmp_path: Path
) -> None:
    with staged(bench, prefect_server, tmp_path / "stage") as stage, worker_of(stage, image):
        sha = stage.push("v1")
        ended = stage.api.ended(stage.api.start(stage.release, {"sha": sha}), 400)
        assert ended["state"]["type"] == "COMPLETED", said_by(stage, ended)
        (release,) = bench.history(stage.environment)
        assert (release.state, release.sha) == (ReleaseState.SUCCEEDED, sha)


@contextmanager
def docker_pool(stage: Stage, image: str) -> Iterator[None]:
    """The release's deployment on a pool of docker-pool.json, and Prefect's worker of it. The bench
    is on the host's network, and its folder is not /etc/fairlead."""
    pool, bench, api = f"{stage.environment}-docker", stage.bench, stage.api
    template = json.loads((DEPLOYMENTS / "docker-pool.json").read_text())
    api.ask("POST", "/work_pools/", {"name": pool, "type": "docker", "base_job_template": template})
    variables = ("FAIRLEAD_STORE_URL", "APP_KEY", "PREFECT_API_URL")
    settings = {
        "image": image,
        "networks": [],
        "network_mode": "host",
        "env": {name: bench.environ[name] for name in variables},
        "volumes": [
            f"{bench.folder}/fairlead.toml:/etc/fairlead/fairlead.toml:ro",
            f"{SOCKET}:/var/run/docker.sock",
        ],
        "container_create_kwargs": {"group_add": [str(SOCKET.stat().st_gid)]},
    }
    place = f"/deployments/{api.deployment(stage.release)['id']}"
    api.ask("PATCH", place, {"work_pool_name": pool, "job_variables": settings})
    said = bench.folder / "worker.log"
    with said.open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type=docker"],
            env={**bench.environ, "PREFECT_WORKER_QUERY_SECONDS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)
        api.client.delete(f"/work_pools/{pool}")
        print(said.read_text())


def test_run_of_a_docker_work_pool_releases_from_a_container_of_its_own(
    bench: Bench, prefect_server: PrefectServer, image: str, tmp_path: Path
) -> None:
    with staged(bench, prefect_server, tmp_path / "stage") as stage, docker_pool(stage, image):
        sha = stage.push("v1")
        ended = stage.api.ended(stage.api.start(stage.release, {"sha": sha}), 400)
        assert ended["state"]["type"] == "COMPLETED", said_by(stage, ended)
        assert ended["infrastructure_pid"]  # the container, which is removed at its end
        (release,) = bench.history(stage.environment)
        assert (release.state, release.sha) == (ReleaseState.SUCCEEDED, sha)
        assert bench.serves() == "v1"


def test_docker_work_pool_is_prefects_own_but_for_the_defaults_it_is_documented_with(
    prefect_server: PrefectServer,
) -> None:
    ours = json.loads((DEPLOYMENTS / "docker-pool.json").read_text())
    theirs = DockerWorker.get_default_base_job_template()
    changed = {}
    for name, variable in ours["variables"]["properties"].items():
        own = theirs["variables"]["properties"][name]
        if variable.get("default") != own.get("default"):
            changed[name] = variable["default"]
            own["default"] = variable["default"]
    assert ours == theirs
    assert "command" not in changed
    assert set(changed) == {
        *("image", "image_pull_policy", "networks", "auto_remove", "mem_limit", "env", "volumes"),
    }
    name = f"docker-{uuid.uuid4().hex[:8]}"
    wanted = {"name": name, "type": "docker", "base_job_template": ours}
    with httpx.Client(base_url=prefect_server.api_url, trust_env=False) as client:
        assert client.post("/work_pools/", json=wanted).status_code == 201
        assert client.delete(f"/work_pools/{name}").status_code == 204
