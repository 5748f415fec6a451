"""Which images may go: never one that is needed or used, never one that is somebody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.engine.images import ImageOnHost, names_to_take
from fairlead.model import size
from fairlead.pruning import Pruned, Removed

OURS = "registry.example:5000/shop/web"
THEIRS = "registry.example:5000/other/web"
KEPT, OLD = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
NOT_NEEDED = {f"{OURS}@{OLD}"}


def image(*names: str, used: bool = False) -> ImageOnHost:
    return ImageOnHost(names, 10, used)


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (image(f"{OURS}@{OLD}"), [f"{OURS}@{OLD}"]),
        (image(f"{OURS}:dev-1", f"{OURS}@{OLD}"), [f"{OURS}@{OLD}", f"{OURS}:dev-1"]),
        (image(f"{OURS}@{KEPT}"), []),
        (image(f"{OURS}@{OLD}", used=True), []),
        (image(f"{THEIRS}@{OLD}"), []),
        (image(f"{OURS}@{OLD}", f"{THEIRS}@{OLD}", f"{THEIRS}:1"), [f"{OURS}@{OLD}"]),
        (image(f"{OURS}:just-built"), []),
        (image(), []),
    ],
    ids=[
        "old",
        "old with a tag",
        "needed",
        "a container has it",
        "of another project",
        "old, and somebody else's too",
        "built and not released",
        "without a name",
    ],
)
def test_only_what_nobody_needs_goes(found: ImageOnHost, names: list[str]) -> None:
    assert names_to_take(found, NOT_NEEDED) == names


digests = st.integers(0, 3).map(lambda number: f"sha256:{number:064}")
repositories = st.sampled_from([OURS, THEIRS, "shop/web", "web"])
by_digest = st.builds("{}@{}".format, repositories, digests)
by_tag = st.builds("{}:{}".format, repositories, st.sampled_from(["1", "latest"]))
images = st.builds(
    ImageOnHost,
    names=st.lists(by_digest | by_tag, unique=True).map(tuple),
    size=st.integers(0, 10**9),
    used=st.booleans(),
)


@given(images, st.frozensets(by_digest))
def test_nothing_that_is_used_needed_or_not_ours_is_ever_taken(
    found: ImageOnHost, not_needed: frozenset[str]
) -> None:
    names = names_to_take(found, not_needed)
    assert not (names and found.used)
    assert {name for name in names if "@" in name} <= not_needed
    released = {name.partition("@")[0] for name in not_needed}
    assert {name.rpartition(":")[0] for name in names if "@" not in name} <= released


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (212_388_002, "212.4 MB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_bytes_are_told_as_people_say_them(count: int, shown: str) -> None:
    assert size(count) == shown


def test_what_was_removed_is_told_in_a_line() -> None:
    one = Removed("local", "image", "web", 1500)
    assert Pruned([one]).words(dry_run=False) == "1 thing removed, up to 1.5 kB freed"
    assert Pruned([one, one]).words(dry_run=True) == (
        "2 things would be removed, which would free up to 3.0 kB"
    )
    assert Pruned().words(dry_run=True) == "there is nothing to remove"
    assert Pruned().words(dry_run=False) == "nothing was removed"
