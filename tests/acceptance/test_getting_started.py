"""The page for new users, followed as it stands.

Only what this machine has otherwise is put in the place of the page's: the registry, the port, the
base images, and a project name that no other test has.
"""

import getpass
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from examples.stand.images import Images
from examples.stand.prefect_server import is_kept
from examples.stand.registry import Registry
from examples.stand.state import REPOSITORY
from fairlead.store import embedded
from tests.bench.bench import free_port
from tests.bench.newcomer import Newcomer
from tests.bench.pages import blocks
from tests.bench.waiting import until

PAGE = REPOSITORY / "docs" / "getting-started.md"
STORE = Path(".local/share/fairlead/store")


@pytest.fixture
def newcomer(engine: docker.DockerClient, registry: Registry, images: Images) -> Iterator[Newcomer]:
    project, port = f"g{uuid.uuid4().hex[:8]}", free_port()
    with tempfile.TemporaryDirectory(prefix="fairlead-newcomer-") as made:
        home = Path(made)
        home.chmod(0o755)  # the embedded store runs as another user than root
        kept = {
            name: value
            for name, value in os.environ.items()
            if is_kept(name) and not name.startswith(("FAIRLEAD_", "XDG_"))
        }
        found = Newcomer(
            home,
            project,
            instead={
                "localhost:5000": registry.address,
                "python:3.12-slim": images.python,
                r"\b8080\b": str(port),
                r"\bhello\b(?!,)": project,
                r"\byou\b": getpass.getuser(),
            },
            environ={
                **kept,
                "HOME": str(home),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "FAIRLEAD__PROXY__IMAGE": images.caddy,
                "no_proxy": "localhost,127.0.0.1",
                **{f"GIT_{who}_NAME": "newcomer" for who in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{who}_EMAIL": "newcomer@example.com" for who in ("AUTHOR", "COMMITTER")},
            },
        )
        yield found
        embedded.stop(home / STORE)  # where the page was not followed to its end
        found.clean(engine)


def test_a_new_user_comes_to_a_release_and_back(
    newcomer: Newcomer, engine: docker.DockerClient
) -> None:
    newcomer.follow(blocks(PAGE))
    assert newcomer.left(engine) == []
    until(lambda: not (newcomer.home / STORE / "postmaster.pid").exists(), 60)
