"""The words of a Slack message; pure.

Written for somebody who is woken by it: what happened to what, whether it serves, what to run.
"""

from typing import Any

from fairlead.model import ReleaseState, duration
from fairlead.notify.model import Notice
from fairlead.notify.mrkdwn import code, code_block, link, message, one_line, section
from fairlead.plain import lines_of

FAILURES = frozenset({ReleaseState.FAILED, ReleaseState.ROLLED_BACK, ReleaseState.ROLLBACK_FAILED})
LINES = 3  # of an error and of a log; the thread has the rest
OUTCOMES = {
    ReleaseState.RUNNING: ("…", "is running"),
    ReleaseState.WAITING: ("…", "waits for approval"),
    ReleaseState.SUCCEEDED: ("✔", "succeeded"),
    ReleaseState.UNCHANGED: ("✔", "changed nothing. It runs there already"),
    ReleaseState.REFUSED: ("✖", "was refused. Nothing was touched"),
    ReleaseState.FAILED: ("✖", "failed"),
    ReleaseState.ROLLED_BACK: ("✖", "failed and was put back"),
    ReleaseState.ROLLBACK_FAILED: (
        "‼",
        "failed and could NOT be put back. A person has to act now",
    ),
}
SETTLED = ("✖", "failed, could not be put back at once, and has been settled since")
SERVING = {ReleaseState.FAILED: "still serves", ReleaseState.ROLLED_BACK: "serves again"}


def build_message(notice: Notice) -> dict[str, Any]:
    """The arguments of chat.postMessage and chat.update that say what is shown."""
    headline = _headline(notice)
    blocks = [section(f"*{headline}*")]
    if _facts(notice):
        blocks.append(section("\n".join(_facts(notice))))
    if notice.error:
        blocks.append(section(code_block("Error:", lines_of(notice.error)[:LINES])))
    if notice.log_tail:
        blocks.append(section(code_block("Its last lines:", _log(notice)[-LINES:], keep="last")))
    if after := [*_what_to_do(notice), *_links(notice)]:
        blocks.append(section("\n".join(after)))
    return message(headline, blocks)


def build_reply(notice: Notice) -> dict[str, Any]:
    """The details of a failure, for the thread."""
    headline = f"{_what_happened(notice)}, release {notice.release}"
    blocks = [section(f"*{headline}*")]
    if notice.error:
        blocks.append(section(code_block("Error:", lines_of(notice.error))))
    if notice.log_tail:
        blocks.append(section(code_block("Its last lines:", _log(notice), keep="last")))
    if notice.put_back:
        blocks.append(section(f"Put back: {one_line(notice.put_back, 2000)}"))
    if notice.settled:
        blocks.append(section(f"Settled: {one_line(notice.settled, 2000)}"))
    if _what_to_do(notice):
        blocks.append(section("\n".join(_what_to_do(notice))))
    return message(headline, blocks)


def _what_happened(notice: Notice) -> str:
    if notice.state not in FAILURES:
        return "Settled after its process had died"
    return f"What went wrong at {notice.step}" if notice.step else "What went wrong"


def _headline(notice: Notice) -> str:
    what = one_line(f"{notice.project} {notice.sha[:7]}", 100)
    where = one_line(notice.environment, 100)
    mark, outcome = _outcome(notice)
    which = notice.kind.capitalize() + (f" {notice.release}" if notice.release else "")
    return f"{mark} {which}: {what} to {where} {outcome}{_serving(notice)}"


def _outcome(notice: Notice) -> tuple[str, str]:
    if notice.waits_for:
        return ("…", "waits")
    return SETTLED if _is_put_back_by_now(notice) else OUTCOMES[notice.state]


def _is_put_back_by_now(notice: Notice) -> bool:
    return notice.state is ReleaseState.ROLLBACK_FAILED and bool(notice.settled)


def _serving(notice: Notice) -> str:
    """What people get now, of a release that did not come."""
    if notice.state not in SERVING:
        return ""
    if not notice.previous:
        return ". Nothing ran there before, and nothing is served"
    return f". The old version {one_line(notice.previous, 40)} {SERVING[notice.state]}"


def _facts(notice: Notice) -> list[str]:
    facts = {
        "Asked for by": one_line(notice.requested_by),
        "Why": one_line(notice.reason),
        "Failed at" if notice.state in FAILURES else "Step": notice.step or "",
        "Migrations": one_line(notice.migrations, 500),
        "Time": duration(notice.seconds),
        "Requests meanwhile": _requests(notice),
        "Settled": one_line(notice.settled),
        "Waits": one_line(notice.waits_for),
    }
    return [f"{name}: {value}" for name, value in facts.items() if value]


def _requests(notice: Notice) -> str:
    if notice.requests_answered is None:
        return ""
    return f"{notice.requests_answered} answered, {notice.requests_lost or 0} lost"


def _log(notice: Notice) -> list[str]:
    return [line for text in notice.log_tail for line in lines_of(text)]


def _what_to_do(notice: Notice) -> list[str]:
    step = [f"What to do: {one_line(notice.next_step, 500)}"] if notice.next_step else []
    command = [f"All of it: {code(notice.next_command)}"] if notice.next_command else []
    return step + command


def _links(notice: Notice) -> list[str]:
    links = [link(notice.url, "Open the environment"), link(notice.run_url, "Open the run")]
    return [" · ".join(found)] if (found := [shown for shown in links if shown]) else []
