"""Which checks of a commit pass, by GitHub's own rule."""

import pytest

from fairlead.github.answers import Check
from fairlead.github.checks import Verdict, judge


def check(name: str, conclusion: str | None = "success", *, id: int = 1, url: str = "") -> Check:
    status = "completed" if conclusion else "in_progress"
    return Check(id=id, name=name, status=status, conclusion=conclusion, html_url=url or None)


def status(name: str, state: str, *, id: int = 1) -> Check:
    return check(name, state, id=id).model_copy(update={"kind": "commit status"})


@pytest.mark.parametrize("conclusion", ["success", "skipped", "neutral"])
def test_what_github_lets_pass_passes(conclusion: str) -> None:
    (verdict,) = judge(["test"], [check("test", conclusion), check("other", "failure")])
    assert verdict == Verdict(f"test passed ({conclusion})", passed=True)


@pytest.mark.parametrize(
    "conclusion",
    ["failure", "cancelled", "timed_out", "action_required", "stale", "startup_failure", "new"],
)
def test_every_other_end_is_told_with_its_page(conclusion: str) -> None:
    (verdict,) = judge(["test"], [check("test", conclusion, url="https://github.com/r/1")])
    assert verdict == Verdict(
        f"test did not pass ({conclusion}): https://github.com/r/1", failing=True
    )


def test_what_runs_or_has_not_run_may_still_pass() -> None:
    verdicts = judge(["test", "lint"], [check("test", None), check("Lint")])
    assert verdicts == [
        Verdict("test is still running (in_progress)"),
        Verdict("lint has not run for this commit"),
    ]


def test_the_newest_of_a_name_counts() -> None:
    again = [check("test", "success", id=3), check("test", "failure", id=2)]
    assert [verdict.passed for verdict in judge(["test"], again)] == [True]
    broke = [check("test", "success", id=2), check("test", "failure", id=3)]
    assert [verdict.passed for verdict in judge(["test"], broke)] == [False]


def test_a_check_and_a_status_of_one_name_have_to_pass_both() -> None:
    both = [check("test"), status("test", "failure", id=9)]
    assert [verdict.passed for verdict in judge(["test"], both)] == [True, False]
    assert [verdict.passed for verdict in judge(["ci"], [status("ci", "success")])] == [True]


def test_nothing_is_required_where_nothing_is_named() -> None:
    assert judge([], [check("test", "failure")]) == []
