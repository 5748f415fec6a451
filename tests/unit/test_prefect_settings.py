"""Prefect says nothing of a setting that it does not know: ours are spelled as it has them."""

import re
from collections.abc import Iterator

from prefect.settings import Settings
from prefect.settings.legacy import _get_valid_setting_names

from examples.stand.state import REPOSITORY

PLACES = ("deployments", "fairlead", "flows", "tasks", "examples", "docs", "README.md")
NAME = re.compile(r"(?<![A-Z_])PREFECT_[A-Z_]+")
OURS = {"PREFECT_DATABASE_PASSWORD", "PREFECT_YAML", "PREFECT_PORT"}
REDIS = {"PREFECT_REDIS_MESSAGING_URL"}  # of prefect-redis, which is in the image only


def test_every_setting_of_prefect_that_we_name_is_one() -> None:
    named = set(_named())
    assert {"PREFECT_API_URL", "PREFECT_SERVER_REGISTER_BLOCKS_ON_START"} <= named
    assert named - _get_valid_setting_names(Settings) - REDIS - OURS == set()


def _named() -> Iterator[str]:
    for place in PLACES:
        files = [REPOSITORY / place, *(REPOSITORY / place).rglob("*")]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts and "secrets" not in file.parts:
                yield from NAME.findall(file.read_text("utf-8", "replace"))
