"""The pages of the smaller examples, followed as they stand.

Only what this machine has otherwise is put in the place of the pages': registry, ports, base
images, and names that no other test has.
"""

import getpass
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from examples.stand.images import Images
from examples.stand.prefect_server import is_kept
from examples.stand.registry import Registry
from examples.stand.state import REPOSITORY, State, machine_lock
from tests.bench.bench import free_port
from tests.bench.compose import compose_program
from tests.bench.images import python_with_wheels
from tests.bench.newcomer import Newcomer
from tests.bench.pages import blocks

EXAMPLES = ("notes", "links")
# What the public image does by itself.
AS_PUBLIC = """{image}
    command: [-c, "listen_addresses=*"]"""
INITIALISED = """POSTGRES_INITDB_ARGS: --locale=C.UTF-8 --encoding=UTF8
      POSTGRES_PASSWORD_FILE:"""


@pytest.fixture
def newcomer(
    request: pytest.FixtureRequest,
    engine: docker.DockerClient,
    registry: Registry,
    images: Images,
    python: str,
    store_url: str,
) -> Iterator[Newcomer]:
    """With a copy of the example that the test is about, as it has to be here."""
    example, project = str(request.param), f"e{uuid.uuid4().hex[:8]}"
    kept = {name: value for name, value in os.environ.items() if is_kept(name)}
    with tempfile.TemporaryDirectory(prefix="fairlead-newcomer-") as made:
        home = Path(made)
        found = Newcomer(
            home,
            project,
            instead={
                rf"examples/{example}\b": str(home / "examples" / example),
                r"docker compose": " ".join(compose_program()),
                r"localhost:5000": registry.address,
                r"python:3\.12-slim": python,
                r"postgres:17": AS_PUBLIC.format(image=images.postgres),
                r"POSTGRES_PASSWORD_FILE:": INITIALISED,
                r"127\.0\.0\.1:5432": f"127.0.0.1:{free_port()}",
                r"\byou\b": getpass.getuser(),
                r"\b8080\b": str(free_port()),
                rf"\b{example}_default\b": f"{project}_default",
                rf"\b{example}-dev\b": f"{project}-dev",
                rf'project(\s?=\s?"?){example}\b': rf"project\g<1>{project}",
            },
            environ={
                **kept,
                "HOME": str(home),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "COMPOSE_PROJECT_NAME": project,
                "FAIRLEAD_STORE_URL": store_url,
                "FAIRLEAD__PROXY__IMAGE": images.caddy,
                "no_proxy": "localhost,127.0.0.1",
                **{f"GIT_{who}_NAME": "newcomer" for who in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{who}_EMAIL": "newcomer@example.com" for who in ("AUTHOR", "COMMITTER")},
            },
        )
        copy(example, home, found.put)
        yield found
        found.clean(engine)


@pytest.fixture(scope="session")
def python(engine: docker.DockerClient, images: Images, state: State) -> str:
    """Where packages cannot be had while an image is built, one that has them."""
    if not images.made_here:
        return images.python
    requirements = [REPOSITORY / "examples" / name / "v1" / "requirements.txt" for name in EXAMPLES]
    with machine_lock("fairlead-test-wheels"):
        return python_with_wheels(engine, images.python, requirements, state.folder("wheels"))


def copy(example: str, home: Path, put: Callable[[str], str]) -> None:
    folder = REPOSITORY / "examples" / example
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            target = home / "examples" / path.relative_to(folder.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(put(path.read_text()))


@pytest.mark.parametrize("newcomer", EXAMPLES, indirect=True)
def test_example_is_released_as_its_page_says(
    request: pytest.FixtureRequest, newcomer: Newcomer, engine: docker.DockerClient
) -> None:
    example = request.node.callspec.params["newcomer"]
    newcomer.follow(blocks(REPOSITORY / "examples" / example / "README.md"))
    assert newcomer.left(engine) == []
