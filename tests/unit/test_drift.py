"""What counts as drift, in whole words, and what is only not to be seen just now."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.drift import compared, next_step, with_hidden
from fairlead.engine.look import Found, HostLook
from fairlead.engine.target import Target
from fairlead.model import Drift, DriftKind, Kept
from tests.bench.example import SHA, aimed

BACKEND = f"sha256:{'b' * 64}"
FRONTEND = f"sha256:{'f' * 64}"
OTHER = f"sha256:{'0' * 64}"
KEPT = 5


def target() -> Target:
    """Release 7 of the example: two backends, a frontend and a worker."""
    made = aimed()
    digests = {"backend": BACKEND, "frontend": FRONTEND, "worker": BACKEND}
    images = {name: replace(image, digest=digests[name]) for name, image in made.images.items()}
    return replace(made, images=images)


def container(service: str, replica: int = 1, **over: object) -> Found:
    digest = FRONTEND if service == "frontend" else BACKEND
    made = Found(f"shop-dev-{service}-7-{replica}", 7, "running", frozenset({digest}))
    return replace(made, **over)  # type: ignore[arg-type]


def host(*instead: Found, without: str = "", **over: object) -> HostLook:
    """The host as it should be, with the containers `instead` of those of their names."""
    usual = [container("backend"), container("backend", 2), container("frontend")]
    kept = Found("shop-dev-backend-5-1", KEPT, "exited")
    found = {one.name: one for one in [*usual, container("worker"), kept, *instead]}
    found.pop(without, None)
    made = HostLook("local", tuple(found.values()), frozenset({7}))
    return replace(made, **over)  # type: ignore[arg-type]


def drifts(look: HostLook) -> list[Drift]:
    return compared(target(), Kept(KEPT, standby=False), look)


def test_what_runs_as_it_was_released_is_no_drift() -> None:
    assert drifts(host()) == []


WORKER = "shop-dev-worker-7-1"


@pytest.mark.parametrize(
    ("look", "drift"),
    [
        (
            host(without=WORKER),
            Drift(DriftKind.GONE, "local", WORKER, f"{WORKER} is gone"),
        ),
        (
            host(container("worker", status="exited", problem="exited with 137")),
            Drift(DriftKind.STOPPED, "local", WORKER, f"{WORKER} does not run", "exited with 137"),
        ),
        (
            host(container("worker", status="paused")),
            Drift(DriftKind.STOPPED, "local", WORKER, f"{WORKER} does not run", "it is paused"),
        ),
        (
            host(container("worker", status="restarting")),
            Drift(
                DriftKind.UNHEALTHY,
                "local",
                WORKER,
                f"{WORKER} is not healthy",
                "it ends and is started again, over and over",
            ),
        ),
        (
            host(container("worker", digests=frozenset({OTHER}), problem="sick too")),
            Drift(
                DriftKind.OTHER_DIGEST,
                "local",
                WORKER,
                f"{WORKER} runs another image: sha256:000000000000",
                "recorded is sha256:bbbbbbbbbbbb",
            ),
        ),
        (
            host(container("worker", digests=frozenset())),
            Drift(
                DriftKind.OTHER_DIGEST,
                "local",
                WORKER,
                f"{WORKER} runs another image: one of no registry",
                "recorded is sha256:bbbbbbbbbbbb",
            ),
        ),
        (
            host(container("worker", problem="/healthz answered 503, not 200")),
            Drift(
                DriftKind.UNHEALTHY,
                "local",
                WORKER,
                f"{WORKER} is not healthy",
                "/healthz answered 503, not 200",
            ),
        ),
        (
            host(Found("shop-dev-web-6-1", 6, "running")),
            Drift(
                DriftKind.UNKNOWN,
                "local",
                "shop-dev-web-6-1",
                "shop-dev-web-6-1 is unknown: no release that runs or is kept has it",
                "of release 6, running",
            ),
        ),
        (
            host(Found("debugger", None, "running")),
            Drift(
                DriftKind.UNKNOWN,
                "local",
                "debugger",
                "debugger is unknown: no release that runs or is kept has it",
                "of no release, running",
            ),
        ),
        (
            host(Found("shop-dev-backend-5-1", KEPT, "running")),
            Drift(
                DriftKind.NOT_AT_REST,
                "local",
                "shop-dev-backend-5-1",
                "shop-dev-backend-5-1 runs, and is only kept to go back to",
            ),
        ),
        (
            host(serving=frozenset(), proxy="The proxy on local could not serve: no container."),
            Drift(
                DriftKind.PROXY_AWAY,
                "local",
                "",
                "the proxy does not answer",
                "The proxy on local could not serve: no container.",
            ),
        ),
        (
            host(serving=frozenset({5, 6})),
            Drift(
                DriftKind.MISROUTED,
                "local",
                "",
                "the proxy sends requests to release 5, release 6, not to release 7",
            ),
        ),
        (
            host(serving=frozenset()),
            Drift(
                DriftKind.MISROUTED,
                "local",
                "",
                "the proxy sends requests to nothing, not to release 7",
            ),
        ),
        (
            HostLook("local", away="Connection refused"),
            Drift(
                DriftKind.HOST_AWAY,
                "local",
                "",
                "the host cannot be looked at",
                "Connection refused",
            ),
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Drift) else None,
)
def test_each_difference_is_told_in_its_own_words(look: HostLook, drift: Drift) -> None:
    assert drifts(look) == [drift]


def test_what_stands_by_may_run_and_need_not() -> None:
    for status in ("running", "exited"):
        look = host(Found("shop-dev-backend-5-1", KEPT, status))
        assert compared(target(), Kept(KEPT, standby=True), look) == []


def test_first_release_has_nothing_that_is_kept() -> None:
    only = [one for one in host().containers if one.origin == 7]
    assert compared(target(), None, replace(host(), containers=tuple(only))) == []


def test_project_without_routes_wants_no_requests_to_be_sent_anywhere() -> None:
    made = target()
    config = made.config.model_copy(update={"services": {"worker": made.config.services["worker"]}})
    alone = replace(made, config=config)
    look = HostLook("local", (container("worker"),))
    assert compared(alone, None, look) == []
    (misrouted,) = compared(alone, None, replace(look, serving=frozenset({5})))
    assert misrouted.words == "the proxy sends requests to release 5, not to nothing"


names = st.sampled_from([one.name for one in host().containers])
statuses = st.sampled_from(["running", "exited", "restarting", "paused", "created", "dead"])
founds = st.builds(
    Found,
    name=names | st.sampled_from(["shop-dev-web-6-1", "debugger"]),
    origin=st.sampled_from([None, KEPT, 6, 7]),
    status=statuses,
    digests=st.frozensets(st.sampled_from([BACKEND, FRONTEND, OTHER])),
    problem=st.sampled_from(["", "sick"]),
)


@given(st.lists(founds, unique_by=lambda found: found.name))
def test_each_container_has_one_drift_at_most_and_none_when_it_is_as_released(
    found: list[Found],
) -> None:
    told = [drift.container for drift in drifts(host(*found)) if drift.container]
    assert len(told) == len(set(told))
    well = [container("backend"), container("backend", 2), container("frontend")]
    assert not {one.name for one in well if one in host(*found).containers} & set(told)


# -- what cannot be seen ---------------------------------------------------------------------

SICK = Drift(DriftKind.UNHEALTHY, "one", "web-1", "web-1 is not healthy", "503")
GONE = Drift(DriftKind.GONE, "one", "web-2", "web-2 is gone")
ELSEWHERE = Drift(DriftKind.GONE, "two", "web-2", "web-2 is gone")
AWAY = Drift(DriftKind.HOST_AWAY, "one", "", "the host cannot be looked at", "refused")
SILENT = Drift(DriftKind.PROXY_AWAY, "one", "", "the proxy does not answer", "gone")


def test_nothing_of_a_host_that_is_away_counts_as_gone() -> None:
    assert with_hidden([AWAY], [SICK, GONE, ELSEWHERE]) == [AWAY, SICK, GONE]
    assert with_hidden([AWAY], [replace(AWAY, detail="timed out")]) == [AWAY]
    assert with_hidden([], [AWAY, SICK, GONE]) == []


def test_without_a_proxy_nobody_knows_what_is_healthy() -> None:
    assert with_hidden([SILENT], [SICK, GONE]) == [SILENT, SICK]


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        *(
            (kind, f"fairlead release dev {SHA} --force")
            for kind in (
                DriftKind.GONE,
                DriftKind.STOPPED,
                DriftKind.OTHER_DIGEST,
                DriftKind.UNHEALTHY,
                DriftKind.PROXY_AWAY,
                DriftKind.MISROUTED,
            )
        ),
        (DriftKind.UNKNOWN, "on one: docker inspect web-1"),
        (DriftKind.NOT_AT_REST, "on one: docker stop web-1"),
        (DriftKind.HOST_AWAY, "fairlead check dev"),
        (DriftKind.UNSETTLED, "fairlead settle dev"),
        (DriftKind.AHEAD, ""),
    ],
)
def test_each_difference_has_something_to_run(kind: DriftKind, step: str) -> None:
    assert next_step(Drift(kind, "one", "web-1", "words"), "dev", SHA) == step


def test_a_drift_reads_as_one_line() -> None:
    assert SICK.line == "one: web-1 is not healthy (503)"
    assert Drift(DriftKind.AHEAD, "", "", "dev is 1 commit ahead").line == "dev is 1 commit ahead"
