"""What Fairlead is for: the shop is released under load, and nobody who asks notices."""

import pytest

from benchmarks.load import Load, Trickle
from fairlead.model import ReleaseState
from tests.bench.shop import DOMAIN, Shop

REQUESTS = ("GET /api/products", "GET /", "POST /api/version", "GET /api/version")
SLOW = "GET /api/slow?seconds=5"
pytestmark = pytest.mark.xdist_group("shop")  # built once, not by each worker


def load(shop: Shop) -> Load:
    return Load(shop.address, DOMAIN, REQUESTS, rate=50, connections=6)


def test_no_request_is_lost_while_v2_replaces_v1_not_even_one_of_five_seconds(shop: Shop) -> None:
    shop.release(shop.sha("v1"))
    with load(shop) as steady, Trickle(shop.address, DOMAIN, SLOW, pause=1.5) as slow:
        release = shop.release(shop.sha("v2"))
    assert release.state is ReleaseState.SUCCEEDED
    assert steady.lost == []
    assert {answer.status for answer in steady.answers} == {200}
    assert release.requests_lost == 0
    # Both versions answered meanwhile, so the load was there when the proxy switched.
    switched = first_answer_of(shop.sha("v2"), steady)
    assert first_answer_of(shop.sha("v1"), steady) < switched
    across = [answer for answer in slow.answers if answer.began < switched < answer.ended]
    assert across, "no slow request was under way during the switch"
    assert [(answer.status, answer.text) for answer in slow.answers] == [
        (200, '{"slept": 5.0}')
    ] * len(slow.answers)


def first_answer_of(sha: str, steady: Load) -> float:
    return min(answer.ended for answer in steady.answers if sha in answer.text)


def test_version_with_a_bug_or_a_failing_migration_loses_no_request(shop: Shop) -> None:
    shop.release(shop.sha("v2"))
    running = shop.containers(state="running")

    with load(shop) as steady:
        buggy = shop.release(shop.sha("v3"))
    assert buggy.state is ReleaseState.ROLLED_BACK
    assert steady.lost == []
    assert (buggy.requests_lost, shop.serves()) == (0, "v2")
    assert shop.containers() == running

    with load(shop) as steady:
        broken = shop.release(shop.sha("v4"))
    assert broken.state is ReleaseState.FAILED
    assert {answer.status for answer in steady.answers} == {200}
    assert shop.serves() == "v2"
    assert shop.containers() == running
