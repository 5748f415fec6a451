"""What requests and dxf raise, told as a RegistryError: who said what, and what to do."""

import ssl
from urllib.parse import urlsplit

import requests
import urllib3
from dxf.exceptions import DXFAuthInsecureError, DXFError, DXFUnauthorizedError

from fairlead.errors import RegistryError, causes
from fairlead.registry.answers import BadAnswer, error_codes
from fairlead.wire import phrase, why_away

# dxf reads headers and JSON without looking: an odd answer comes out as any of the last five.
RAISED = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    DXFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)
_LOOK = "Look what answers there, then try: fairlead check"
_WAIT = "Wait for it, or mend the way to it, then try: fairlead check"
_LOGIN = "Mend [registry] username and password, or that user's rights, then try: fairlead check"
_TRUST = "Name the CA that signed it: [registry] ca = …, or mend the certificate."


class RegistryAway(RegistryError):
    """It does not answer now, or not to the end; asking again may help. All others are final."""


class Truncated(OSError):
    """An answer ended before its end, or took too long. `str()` says which."""


def translated(exc: Exception, host: str, user: str | None) -> RegistryError:
    """`exc`, raised while asking the registry at `host`, told as a RegistryError."""
    match exc:
        case requests.HTTPError():
            return _status(exc.response, host, user)
        case DXFUnauthorizedError():
            return _denied(host, user, "401 Unauthorized")
        case requests.exceptions.SSLError():
            return _tls(exc, host)
        case requests.Timeout() | requests.ConnectionError() | Truncated():
            return RegistryAway(f"The registry {host} {_why_away(exc)}.", next_step=_WAIT)
    return _odd(exc, host)


def _status(response: requests.Response, host: str, user: str | None) -> RegistryError:
    codes = ", ".join(error_codes(response.content))
    said = f"{response.status_code} {phrase(response.status_code)}".strip()
    said = f"{said} ({codes})" if codes else said
    server = urlsplit(response.url).netloc
    asked = host if server == host else f"{host} (through {server})"
    if response.status_code in {401, 403}:
        return _denied(asked, user, said)
    if response.status_code == 429 or response.status_code >= 500:
        return RegistryAway(f"The registry {asked} says {said}.", next_step=_WAIT)
    return RegistryError(f"The registry {asked} says {said}.", next_step=_LOOK)


def _denied(host: str, user: str | None, said: str) -> RegistryError:
    who = f"user {user}" if user else "us without a user"
    return RegistryError(f"The registry {host} does not let {who} in: {said}.", next_step=_LOGIN)


def _odd(exc: Exception, host: str) -> RegistryError:
    if isinstance(exc, DXFAuthInsecureError):
        return RegistryError(
            f"The registry {host} wants a password, and none is sent over plain HTTP.",
            next_step="Give the registry TLS and drop [registry] insecure.",
        )
    said = str(exc) if isinstance(exc, BadAnswer) else f"as no registry does ({type(exc).__name__})"
    return RegistryError(f"The registry {host} answered {said}.", next_step=_LOOK)


def _tls(exc: Exception, host: str) -> RegistryError:
    for cause in causes(exc):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RegistryError(
                f"The certificate of the registry {host} is not trusted: {cause.verify_message}.",
                next_step=_TRUST,
            )
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return RegistryAway(f"The registry {host} broke off the TLS.", next_step=_WAIT)
    return RegistryError(
        f"The registry {host} does not speak TLS as it should.",
        next_step="If it is meant to be plain HTTP: [registry] insecure = true",
    )


def _why_away(exc: Exception) -> str:
    truncated = next((cause for cause in causes(exc) if isinstance(cause, Truncated)), None)
    return why_away(exc) if truncated is None else str(truncated)
