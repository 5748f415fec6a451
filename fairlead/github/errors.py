"""What GitHub refuses, and what requests and PyGithub raise, told as a GitHubError: who said what,
and what to do.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api and
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import re
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import requests
from requests.exceptions import ChunkedEncodingError, SSLError

from fairlead.errors import GitHubError, causes
from fairlead.github.answers import BadAnswer, SaidNo, parse
from fairlead.plain import one_line
from fairlead.wire import phrase, why_away

# PyGithub reads headers without looking: an odd answer comes out as any of the last five.
RAISED = (
    requests.RequestException,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AssertionError,
    RuntimeError,  # a redirect to another host, or redirects in a circle
)
LONGEST = 200  # characters of what GitHub says
_WAIT = "Wait for it, or mend the way to it, then try: fairlead check"
_LOGIN = "Set [github] token to one that GitHub takes, then try: fairlead check"
_RIGHTS = (
    "Give the token this repository with checks: read, commit statuses: write, deployments: write "
    "and contents: read, for comments pull requests: write; then try: fairlead check"
)
_NAME = "Is [github] repository right, and may its token see it? Try: fairlead check"
_LOOK = "Look what answers at [github] api, then try: fairlead check"
_PUSHED = "Was the commit pushed to that repository?"
_ELSEWHERE = (301, 302, 307, 308, 404)
_PERMISSIONS = re.compile(r"[a-z_]+=[a-z]+([,;] ?[a-z_]+=[a-z]+)*")


class NotYet(RuntimeError):
    """GitHub has accepted the question, and has no answer yet: 202."""


def translated(exc: Exception, api: str, repository: str) -> GitHubError:
    """`exc`, raised while asking the API at `api` about `repository`."""
    host = urlsplit(api).netloc
    match exc:
        case SSLError():
            return _tls(exc, host, repository)
        case requests.Timeout() | requests.ConnectionError() | ChunkedEncodingError():
            why = why_away(exc)
            return GitHubError(
                f"GitHub at {host} {why}, asked for {repository}.", next_step=_WAIT, away=True
            )
        case NotYet():
            return GitHubError(
                f"GitHub at {host} has no answer yet, asked for {repository}.",
                next_step=_WAIT,
                away=True,
                status=HTTPStatus.ACCEPTED,
            )
        case SaidNo():
            said = one_line(str(exc), LONGEST).rstrip(".")
            return GitHubError(f"GitHub says for {repository}: {said}.", next_step=_RIGHTS)
        case BadAnswer():
            return GitHubError(f"GitHub answered {exc}, asked for {repository}.", next_step=_LOOK)
    said = f"as GitHub does not ({type(exc).__name__})"
    return GitHubError(f"{host} answered {said}, asked for {repository}.", next_step=_LOOK)


def _tls(exc: Exception, host: str, repository: str) -> GitHubError:
    for cause in causes(exc):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return GitHubError(
                f"The certificate of {host} is not trusted, asked for {repository}.",
                next_step="Mend [github] api, or name the CA in REQUESTS_CA_BUNDLE.",
            )
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return GitHubError(
                f"GitHub at {host} broke off the TLS, asked for {repository}.",
                next_step=_WAIT,
                away=True,
            )
    return GitHubError(
        f"{host} does not speak TLS as it should, asked for {repository}.", next_step=_LOOK
    )


def not_a_token() -> GitHubError:
    """The token is not repeated."""
    return GitHubError("The token of [github] cannot be one.", next_step=_LOGIN)


def moved(repository: str, now: str) -> GitHubError:
    return GitHubError(
        f"The repository {repository} is called {one_line(now, LONGEST)} now.",
        next_step="Change [github] repository: GitHub forwards the old name only for a time.",
    )


def refused(status: int, headers: Mapping[str, str], text: str, repository: str) -> GitHubError:
    """GitHub answered with `status`, which is not that of a success; names of headers are in small
    letters."""
    message = _message(text)
    said = f"GitHub says {status} {phrase(status)}".strip()
    told = f"{said} for {repository}{f': {message}' if message else ''}."
    if status in {403, 429} and (wait := _limit(status, headers, message)) is not None:
        when = time.strftime("%H:%M UTC", time.gmtime(time.time() + wait))
        until = f"Its rate limit ends at {when}."
        return GitHubError(told, next_step=until, away=True, wait=wait, status=status)
    next_step = _next_step(status, headers)
    return GitHubError(told, next_step=next_step, away=status >= 500, status=status)


def _next_step(status: int, headers: Mapping[str, str]) -> str:
    if status == 403:
        return _missing_rights(headers)
    if status >= 500:
        return _WAIT
    return {401: _LOGIN, 422: _PUSHED, **dict.fromkeys(_ELSEWHERE, _NAME)}.get(status, _LOOK)


def _limit(status: int, headers: Mapping[str, str], message: str) -> float | None:
    """For how many seconds GitHub wants to be left alone; None where that is not what it says."""
    if (after := _number(headers.get("retry-after"))) is not None:
        return after
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        return 60.0 if reset is None else max(1.0, reset - time.time())
    # GitHub's own advice where it gives no header.
    return 60.0 if status == 429 or "secondary rate limit" in message.lower() else None


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else None


def _missing_rights(headers: Mapping[str, str]) -> str:
    wanted = headers.get("x-accepted-github-permissions", "")
    if not _PERMISSIONS.fullmatch(wanted):
        return _RIGHTS
    return f"Give the token what this needs: {wanted}; then try: fairlead check"


def _message(text: str) -> str:
    """What GitHub says of it, on one line; empty where the answer is not GitHub's."""
    try:
        answer = parse(text)
    except BadAnswer:
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return one_line(message, LONGEST).rstrip(".") if isinstance(message, str) else ""
