"""What a Codespace runs when it is made, on a machine with nothing but Debian on it.

A Codespace has a Docker engine of its own; here it is this machine's, whose images are there.
"""

import re
from collections.abc import Mapping

import docker
import pytest

from examples.shop.build import Version
from tests.bench.bare_machine import bare_machine
from tests.bench.demo import Demo

pytestmark = pytest.mark.xdist_group("shop")  # built once, not by each worker


def test_a_bare_machine_is_ready_after_it(
    demo: Demo, engine: docker.DockerClient, versions: Mapping[str, Version]
) -> None:
    with bare_machine(engine, f"{demo.project}-devcontainer", demo.settings) as machine:
        told = machine.run(".devcontainer/post-create")
        assert f"dev is at {versions['v1'].sha[:7]}" in told
        assert re.search(r"^succeeded +migrate .* \d+ applied: ", told, re.MULTILINE)
        assert demo.revision("dev") == versions["v1"].sha
        again = machine.run("make", "stand")
        assert "nothing to do" in again
        machine.run("make", "test", "PYTEST=tests/unit/test_presets.py")
