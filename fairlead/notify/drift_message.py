"""The words of a Slack message about drift; pure."""

from collections.abc import Sequence
from typing import Any

from fairlead.notify.model import DriftNotice
from fairlead.notify.mrkdwn import code, link, message, one_line, section

LINES = 8  # of one kind; the command and the artifact have the rest


def build_drift_message(notice: DriftNotice) -> dict[str, Any]:
    """The arguments of chat.postMessage that say what is shown."""
    headline = _headline(notice)
    parts = (
        _listed("Otherwise than released:", notice.new),
        one_line(notice.behind) if notice.new or notice.gone else "",
        _listed("No more:", notice.gone),
        "\n".join(_what_to_do(notice)),
    )
    blocks = [section(f"*{headline}*"), *(section(part) for part in parts if part)]
    return message(headline, blocks)


def _headline(notice: DriftNotice) -> str:
    where = one_line(f"{notice.project} {notice.environment}", 100)
    if notice.new:
        return f"✖ {where}: what runs is not what was released"
    if notice.gone and not notice.left:
        return f"✔ {where}: what was released runs again"
    if notice.gone:
        return f"… {where}: some of it is as released again, and some is not yet: {notice.left}"
    return f"… {where}: {one_line(notice.behind)}"


def _listed(heading: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = [f"• {one_line(line)}" for line in lines[:LINES]]
    more = len(lines) - len(shown)
    return "\n".join([heading, *shown, *([f"and {more} more"] if more else [])])


def _what_to_do(notice: DriftNotice) -> list[str]:
    step = [f"What to do: {code(notice.next_step)}"] if notice.next_step else []
    look = [f"All of it: {code(f'fairlead drift {notice.environment}')}"]
    shown = link(notice.url, "Open the environment")
    return [*step, *look, *([shown] if shown else [])]
