"""The table of environments; pure."""

from collections.abc import Mapping, Sequence

from fairlead.report.markdown import link, moment, text
from fairlead.status import Status


def environment_rows(found: Sequence[Status], urls: Mapping[str, str]) -> list[dict[str, str]]:
    """A row an environment, column → Markdown; `urls` is where people find each."""
    return [_row(one, urls[one.environment]) for one in found]


def _row(one: Status, url: str) -> dict[str, str]:
    return {
        "Environment": link(url, one.environment),
        "Runs": f"`{one.sha[:7]}`" if one.sha else "nothing",
        "Since": moment(one.since),
        "Release": str(one.release or ""),
        "By": text(one.requested_by or ""),
        "On": text(", ".join(one.hosts)),
        "Now": text(one.now or "at rest"),
    }
