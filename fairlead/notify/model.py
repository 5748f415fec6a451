"""What people are told about a release, and how telling them can fail."""

from dataclasses import dataclass

from fairlead.errors import FairleadError
from fairlead.model import ReleaseKind, ReleaseState, StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One release as it stands now.

    `previous` is the short SHA that ran there before, empty when nothing did; `step` the one that
    runs, or the one that failed; `seconds` how long the release took, or has taken; `error` the
    whole error and `log_tail` the last lines of what failed, of both of which a message shows a
    few; `put_back` says what was put back, `settled` what settling it did,
    because its own process had died; `next_step` what to do and `next_command` what to run
    now; `url` is the environment's, `run_url` Prefect's. Empty texts and None are left out of a
    message. Secrets are blanked before they come here.
    """

    release: int
    project: str
    environment: str
    sha: str
    kind: ReleaseKind
    state: ReleaseState
    previous: str = ""
    requested_by: str = ""
    reason: str = ""
    step: StepName | None = None
    seconds: float | None = None
    requests_answered: int | None = None
    requests_lost: int | None = None
    error: str = ""
    log_tail: tuple[str, ...] = ()
    put_back: str = ""
    settled: str = ""
    next_step: str = ""
    next_command: str = ""
    url: str = ""
    run_url: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message is: `channel` is Slack's id of it, `ts` what names the message in there."""

    channel: str
    ts: str


class NotificationFailed(FairleadError):
    """Nobody was told; the release is not touched by that.

    `code` is Slack's (https://docs.slack.dev/reference/methods/chat.postMessage#errors), or
    `unreachable`, `timeout`, `http_<status>`, `bad_answer`, `bad_token`.
    """

    def __init__(self, channel: str, code: str) -> None:
        self.channel, self.code = channel, code
        super().__init__(
            f"Slack did not take a message for {channel}: {code}.", next_step=_next_step(code)
        )


def _next_step(code: str) -> str:
    match code:
        case "channel_not_found" | "not_in_channel" | "is_archived":
            return "Name a channel that is there and invite the bot to it: /invite @fairlead"
        case "missing_scope" | "no_permission":
            return "Give the bot the scope chat:write and install it again."
        case "unreachable" | "timeout" | "ratelimited" | "http_429" | "bad_answer":
            return "It is tried again later."
    if code.startswith("http_5"):
        return "It is tried again later."
    if code in _TOKEN:
        return "Set the bot's token where [notify.slack] token says, then try: fairlead check"
    return f"Look the code up: https://docs.slack.dev/reference/methods/chat.postMessage ({code})"


_TOKEN = {
    "account_inactive",
    "bad_token",
    "invalid_auth",
    "not_allowed_token_type",
    "not_authed",
    "token_expired",
    "token_revoked",
}
