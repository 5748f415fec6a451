"""How much of the matrix is run: a few cells for each fault, or, with `--whole`, all."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from examples.stand.postgres import Postgres, create_database
from examples.stand.state import State
from tests.bench.bench import free_port
from tests.faults.cells import cell
from tests.faults.checking import Noted, Row
from tests.faults.faults import Prefect


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="every step, under every fault")


def pytest_configure(config: pytest.Config) -> None:
    marker = "faults(*cells, whole): where in a release its fault comes; the groups of all of them"
    config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A group of cells is one test: its releases go on side by side, and are hit together."""
    marker = metafunc.definition.get_closest_marker("faults")
    if marker is None or "cells" not in metafunc.fixturenames:
        return
    groups = marker.kwargs["whole"] if _is_whole(metafunc.config) else [list(marker.args)]
    named = [" to ".join(dict.fromkeys([*group[:1], *group[-1:]])) for group in groups]
    metafunc.parametrize("cells", [list(map(cell, group)) for group in groups], ids=named)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without cells of its own a fault is for the whole matrix only: other tests have it."""
    if _is_whole(config):
        return
    other = [item for item in items if _is_elsewhere(item)]
    config.hook.pytest_deselected(items=other)
    items[:] = [item for item in items if item not in other]


def _is_elsewhere(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("faults")
    return marker is not None and "whole" in marker.kwargs and not marker.args


def _is_whole(config: pytest.Config) -> bool:
    return bool(config.getoption("--whole", default=False))


@pytest.fixture
def noted(record_property: Callable[[str, object], None]) -> Noted:
    """For the table that benchmarks/faults.py makes."""

    def note(rows: list[Row]) -> None:
        for row in rows:
            record_property("row", asdict(row))

    return note


@pytest.fixture(scope="module")
def prefect(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    home = State(tmp_path_factory.mktemp("prefect"))
    name = f"frail_{free_port()}"
    made = Prefect(create_database(postgres, name, role="prefect", password="prefect"), home)
    yield made
    made.stop()
