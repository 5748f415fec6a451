"""What .devcontainer says agrees with what is there."""

import json
import os
import tomllib
from typing import Any

from examples.stand.state import REPOSITORY

FOLDER = REPOSITORY / ".devcontainer"


def test_post_create_is_there_to_be_run() -> None:
    command = described()["postCreateCommand"]
    assert os.access(REPOSITORY / str(command), os.X_OK)


def test_ports_are_those_of_the_demo() -> None:
    config = tomllib.loads((REPOSITORY / "examples" / "shop" / "fairlead.toml").read_text())
    ours = {one["http_port"]: f"shop, {name}" for name, one in config["environments"].items()}
    found = described()
    labels = {int(port): one["label"] for port, one in found["portsAttributes"].items()}
    assert labels == {4200: "Prefect", **ours}
    assert found["forwardPorts"] == sorted(labels)


def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "devcontainer.json").read_text())
    return found
