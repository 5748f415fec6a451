"""The table of environments; pure."""

from collections.abc import Mapping, Sequence

from fairlead.report.markdown import link, moment, text
from fairlead.status import Status

CELL = 40  # characters: all columns have to be seen at once


def environment_rows(found: Sequence[Status], urls: Mapping[str, str]) -> list[dict[str, str]]:
    """A row an environment, column → Markdown; `urls` is where people find each."""
    return [_row(one, urls[one.environment]) for one in found]


def _row(one: Status, url: str) -> dict[str, str]:
    return {
        "Environment": link(url, one.environment),
        "Runs": f"`{one.sha[:7]}`" if one.sha else "nothing",
        "Now": text(one.now or "at rest"),
        "Since": moment(one.since),
        "By": text(one.requested_by or "", CELL),
        "Release": str(one.release or ""),
        "On": text(", ".join(one.hosts), CELL),
    }
