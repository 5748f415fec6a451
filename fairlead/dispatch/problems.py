"""What is answered when a delivery is not taken: RFC 9457, Problem Details for HTTP APIs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"


@dataclass(eq=False)
class Problem(Exception):
    """`detail` is one sentence for whoever looks at GitHub's list of deliveries; `errors` has a
    line for each wrong member of the body."""

    status: HTTPStatus
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[str] = ()

    def body(self) -> dict[str, Any]:
        """The type is `about:blank`: the status says all there is to it."""
        errors = {"errors": list(self.errors)} if self.errors else {}
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **errors,
        }


def not_signed() -> Problem:
    """One answer, whether the signature is missing, unreadable or wrong: it helps nobody guess."""
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "X-Hub-Signature-256 does not sign this body with the webhook's secret.",
        {"WWW-Authenticate": 'X-Hub-Signature-256 realm="fairlead"'},
    )


def not_allowed(why: str) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, why)


def not_json() -> Problem:
    return Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Set the webhook's content type to application/json.",
        {"Accept": "application/json"},
    )


def too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus(413),
        f"The body has more than {limit} bytes ([dispatch] body_limit).",
    )


def too_slow(seconds: float) -> Problem:
    return Problem(HTTPStatus.REQUEST_TIMEOUT, f"The body did not come within {seconds:g} s.")


def too_many(wait: int) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Too many at once ([dispatch] rate). Deliver again after {wait} s.",
        {"Retry-After": str(wait)},
    )


def unreadable(detail: str, errors: Sequence[str] = ()) -> Problem:
    return Problem(HTTPStatus(422), detail, errors=errors)


def unavailable(detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "10"})
