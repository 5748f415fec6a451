"""How much of the matrix is run: a few cells for each fault, or, with `--whole`, all."""

import pytest

from tests.faults.cells import cell


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="every step, under every fault")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cells(*groups, whole): the places of a fault in a release")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A group of cells is one test: its releases go on side by side, and are hit together."""
    marker = metafunc.definition.get_closest_marker("cells")
    if marker is None:
        return
    whole = metafunc.config.getoption("--whole", default=False)
    groups = marker.kwargs["whole"] if whole else [list(marker.args)]
    named = [f"{group[0]} to {group[-1]}" if len(group) > 1 else group[0] for group in groups]
    metafunc.parametrize("cells", [list(map(cell, group)) for group in groups], ids=named)
