"""PyGithub's connections, on which a question is asked once.

PyGithub asks a GET again every two seconds for as long as 202 is the answer.
"""

from urllib.parse import urlsplit

from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    RequestsResponse,
)

from fairlead.github.errors import NotYet

Connection = HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass


class _Plain(HTTPRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _final(self.verb, super().getresponse())


class _Tls(HTTPSRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _final(self.verb, super().getresponse())


def connection(api: str, timeout: int) -> Connection:
    place = urlsplit(api)
    kind = _Tls if place.scheme == "https" else _Plain
    return kind(place.hostname or "", place.port, timeout=timeout)


def _final(verb: str, answer: RequestsResponse) -> RequestsResponse:
    """Raises NotYet."""
    if verb == "GET" and answer.status == 202:
        raise NotYet
    return answer
