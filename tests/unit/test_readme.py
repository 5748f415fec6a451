"""The front page stays true: its commands exist, its config is valid, its links lead somewhere."""

import re
import tomllib
from pathlib import Path

from fairlead.cli import COMMANDS
from fairlead.config import parse

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_of_the_readme_exists() -> None:
    named = set(re.findall(r"`?fairlead ([a-z]+)", README))
    assert named
    assert named <= set(COMMANDS)


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "demo-down", "test", "check"} <= named <= targets


def test_config_of_the_readme_is_valid() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    config = parse(tomllib.loads(text), source="README.md")
    assert config.environment("dev").domain == "dev.example.com"


def test_links_of_the_readme_lead_somewhere() -> None:
    local = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert local
    assert [link for link in local if not (ROOT / link).exists()] == []
