"""Whether a commit has passed what an environment requires of it; pure.

GitHub's own rule for required checks holds: success, skipped and neutral pass, and where a check
and a commit status have the same name, both have to.
https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches#require-status-checks-before-merging
and
https://docs.github.com/en/pull-requests/how-tos/merge-and-close-pull-requests/troubleshooting-required-status-checks
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairlead.github.answers import Check

PASSING = ("success", "skipped", "neutral")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one required check: `failing` is False for one that may pass by itself."""

    words: str
    passed: bool = False
    failing: bool = False


def judge(required: Sequence[str], checks: Iterable[Check]) -> list[Verdict]:
    """A verdict for each check of a required name, and for each name that has none.

    GitHub lists the latest run of each suite: of several with one name the newest counts.
    """
    newest: dict[tuple[str, str], Check] = {}
    for check in sorted(checks, key=lambda check: check.id):
        newest[check.name, check.kind] = check
    verdicts = []
    for name in required:
        found = [check for (named, _), check in newest.items() if named == name]
        verdicts += [_verdict(check) for check in found] or [_missing(name)]
    return verdicts


def _verdict(check: Check) -> Verdict:
    link = f": {check.html_url}" if check.html_url else ""
    if check.status != "completed":
        return Verdict(f"{check.name} is still running ({check.status}){link}")
    if check.conclusion in PASSING:
        return Verdict(f"{check.name} passed ({check.conclusion}){link}", passed=True)
    return Verdict(f"{check.name} did not pass ({check.conclusion}){link}", failing=True)


def _missing(name: str) -> Verdict:
    return Verdict(f"{name} has not run for this commit")
