"""Words for how it went with a server that was asked by HTTP through requests."""

import socket
from http import HTTPStatus

import requests

from fairlead.errors import causes


def why_away(exc: Exception) -> str:
    """Goes behind the server's name: `refuses the connection`."""
    for cause in causes(exc):
        match cause:
            case requests.Timeout():
                return "did not answer in time"
            case ConnectionRefusedError():
                return "refuses the connection"
            case socket.gaierror():
                return "has a name that does not resolve"
    return "broke off the connection"


def phrase(status: int) -> str:
    """That of RFC 9110, section 15; empty for a status that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
