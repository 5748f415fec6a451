"""dxf's client, held to what a registry may do: bounded answers, one host, no environment."""

import re
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from dxf import DXF
from requests.adapters import HTTPAdapter

from fairlead.registry.answers import LARGEST, BadAnswer
from fairlead.registry.errors import Truncated
from fairlead.registry.hurried import POOLS

# A loop of pages ends here. The most tags that are read are 1,000 pages of 100, which is what some
# registries give at once; the rest is for logging in.
MOST_REQUESTS = 1_100
BEARER_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1


class Client(DXF):
    """One conversation about one repository, a context manager as DXF is.

    Proxies, .netrc and CA bundles of the environment are not looked at: they would send a
    password where the config does not say, or trust what it does not name. With TLS a redirect to
    plain HTTP is refused.
    """

    def __enter__(self) -> "Client":
        self._asked = 0
        self._sessions.insert(0, _session(tls=not self._insecure))
        return self

    def _base_request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        # dxf follows the Link to the next page anywhere, with the Authorization header.
        if not urljoin(self._base_url, path).startswith(self._base_url):
            raise BadAnswer("with a link to another place")
        self._asked += 1
        if self._asked > MOST_REQUESTS:
            raise BadAnswer("with pages that do not end")
        response = super()._base_request(method, path, **kwargs)  # type: ignore[no-untyped-call] # dxf leaves it untyped
        assert isinstance(response, requests.Response)
        return response

    def put_manifest(self, reference: str, raw: bytes, media_type: str) -> None:
        """PUT the very bytes; DXF.set_manifest wants a mediaType in them, which OCI leaves open."""
        headers = {"Content-Type": media_type}
        self._request("put", f"manifests/{reference}", data=raw, headers=headers)  # type: ignore[no-untyped-call] # dxf leaves it untyped

    def blob(self, digest: str) -> bytes:
        return bytes(self._request("get", f"blobs/{digest}").content)  # type: ignore[no-untyped-call] # dxf leaves it untyped


def checked_token(client: Any) -> None:
    """Raises BadAnswer for a token that could not be sent, or would be told in an error."""
    if client.token is not None and not BEARER_TOKEN.fullmatch(client.token):
        raise BadAnswer("with a token that is none")


def _session(*, tls: bool) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 5
    session.headers["Accept-Encoding"] = "identity"
    session.mount("https://", _Bounded())
    if tls:
        del session.adapters["http://"]
    else:
        session.mount("http://", _Bounded())
    return session


class _Bounded(HTTPAdapter):
    """Reads each answer at once, up to 4 MiB, its head and its body within the time-out each.

    It sits below redirects and tokens, whose answers requests reads to the end unasked.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(*args, **{**kwargs, "stream": True})
        try:
            response._content = _read(response.raw, kwargs["timeout"])
            response.__dict__["_content_consumed"] = True  # lets close() keep the connection
        finally:
            response.close()
        return response


def _read(raw: urllib3.HTTPResponse, timeout: float) -> bytes:
    body = bytearray()
    try:
        while piece := raw.read1(65_536, decode_content=True):
            body += piece
            if len(body) > LARGEST:
                raise BadAnswer(f"with more than {LARGEST} bytes")
    except urllib3.exceptions.ReadTimeoutError as exc:
        raise Truncated(f"did not end its answer in {timeout:g} s") from exc
    except urllib3.exceptions.HTTPError as exc:
        raise Truncated("broke off in the middle of its answer") from exc
    return bytes(body)
