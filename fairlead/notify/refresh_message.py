"""The words of a Slack message about a refresh; pure."""

from typing import Any

from fairlead.model import RefreshState
from fairlead.notify.model import RefreshNotice
from fairlead.notify.mrkdwn import code, code_block, link, message, one_line, section
from fairlead.plain import lines_of

HAS = {
    RefreshState.REFRESHED: "✔ {where}: it is refreshed from {source} again",
    RefreshState.REFUSED: "✖ {where}: not refreshed from {source}, nothing was touched",
    RefreshState.FAILED: "✖ {where}: not refreshed from {source}, it has the data that it had",
    RefreshState.NOT_PUT_BACK: "‼ {where}: it has new data of {source}, and is not well with it",
}


def build_refresh_message(notice: RefreshNotice) -> dict[str, Any]:
    """The arguments of chat.postMessage that say what is shown."""
    where = one_line(f"{notice.project} {notice.environment}", 100)
    headline = HAS[notice.state].format(where=where, source=one_line(notice.source, 40))
    during = f"During {notice.phase}:" if notice.phase else "Why:"
    lines = [f"All of it: {code(f'fairlead refresh show {notice.refresh}')}"]
    lines += [shown] if (shown := link(notice.url, "Open the environment")) else []
    parts = (
        code_block(during, lines_of(notice.error)) if notice.error else "",
        "\n".join(lines),
    )
    return message(headline, [section(f"*{headline}*"), *(section(one) for one in parts if one)])
