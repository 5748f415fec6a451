"""What people are told about a release, and how telling them can fail."""

from dataclasses import dataclass
from typing import Protocol

from fairlead.errors import FairleadError
from fairlead.model import Outgoing, PhaseName, RefreshState, ReleaseKind, ReleaseState, StepName


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One release as it stands now; one without a number has not begun, and `waits_for` says why.
    `migrations` says what is unsafe of them.

    `previous` is the short SHA that ran there before, empty when nothing did; `step` the one that
    runs, or the one that failed; `seconds` how long the release took, or has taken; `error` the
    whole error and `log_tail` the last lines of what failed, of both of which a message shows a
    few; `put_back` says what was put back, `settled` what settling it did,
    because its own process had died; `next_step` what to do and `next_command` what to run
    now; `url` is the environment's, `run_url` Prefect's. Empty texts and None are left out of a
    message. Secrets are blanked before they come here.
    """

    project: str
    environment: str
    sha: str
    kind: ReleaseKind
    state: ReleaseState
    release: int | None = None
    waits_for: str = ""
    migrations: str = ""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftNotice:
    """What has changed about how an environment runs, a line each: `new` is otherwise than it
    should be, `behind` says how far it is behind another environment, `gone` is so no more.

    `left` is how many things are otherwise by now; `next_step` is what to run first. Secrets are
    blanked before they come here.
    """

    project: str
    environment: str
    new: tuple[str, ...] = ()
    behind: str = ""
    gone: tuple[str, ...] = ()
    left: int = 0
    next_step: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshNotice:
    """A refresh that failed, `phase` in which one, or the first that went well after that. Secrets
    are blanked before they come here."""

    project: str
    environment: str
    source: str
    refresh: int
    state: RefreshState
    phase: PhaseName | None = None
    error: str = ""
    url: str = ""


class Sender(Protocol):
    """One destination of messages."""

    def deliver(self, outgoing: Outgoing) -> str | None:
        """Send it, never a second time; what the destination calls the message that it shows of
        the subject now, or None where that has not changed. Raises NotTold."""


class NotTold(FairleadError):
    """A message was not taken; the release is not touched by that.

    `uncertain` is true when it may have arrived all the same, `lasting` when the same message will
    never be taken; `retry_after` is how many seconds we were told to wait.
    """

    uncertain = False
    lasting = False
    retry_after: float | None = None


class NotificationFailed(NotTold):
    """Slack did not take a message.

    `code` is Slack's (https://docs.slack.dev/reference/methods/chat.postMessage#errors), or
    `unreachable`, `timeout`, `http_<status>`, `bad_answer`, `bad_token`, `not_found_out`.
    """

    def __init__(
        self,
        channel: str,
        code: str,
        *,
        uncertain: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.channel, self.code = channel, code
        self.uncertain, self.lasting = uncertain, code in _LASTING
        self.retry_after = retry_after
        super().__init__(
            f"Slack did not take a message for {channel}: {code}.", next_step=_next_step(code)
        )


def _next_step(code: str) -> str:
    if code in _NEXT_STEPS:
        return _NEXT_STEPS[code]
    if code.startswith("http_5"):
        return LATER
    if code in _TOKEN:
        return "Set the bot's token where [notify.slack] token says, then try: fairlead check"
    return f"Look the code up: https://docs.slack.dev/reference/methods/chat.postMessage ({code})"


LATER = "It is tried again later."
_CHANNEL = "Name a channel that is there and invite the bot to it: /invite @fairlead"
_SCOPE = "Give the bot the scope chat:write and install it again."
_NEXT_STEPS = {
    **dict.fromkeys(("channel_not_found", "not_in_channel", "is_archived"), _CHANNEL),
    **dict.fromkeys(("missing_scope", "no_permission"), _SCOPE),
    **dict.fromkeys(("unreachable", "timeout", "ratelimited", "http_429", "bad_answer"), LATER),
    "not_found_out": "It may have arrived, and is not sent again. For Fairlead to look, give the "
    "bot the scope channels:history and name the channel by its id.",
}
# No other try makes these good: they are about the message itself.
_LASTING = {
    "invalid_arguments",
    "invalid_blocks",
    "invalid_blocks_format",
    "metadata_too_large",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "not_found_out",
}
_TOKEN = {
    "account_inactive",
    "bad_token",
    "invalid_auth",
    "not_allowed_token_type",
    "not_authed",
    "token_expired",
    "token_revoked",
}
