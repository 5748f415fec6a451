"""A token server that the registry trusts.

https://distribution.github.io/distribution/spec/auth/token/ and …/auth/jwt/: the registry sends a
client here, which gets a signed list of what it may do for its name and password.
"""

import base64
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

from tests.contract.certificates import Authority
from tests.contract.loopback import Answer, Asked, serving

ISSUER = "contract-tests"
SERVICE = "contract-registry"


@contextmanager
def token_server(
    authority: Authority, users: Mapping[str, str], asked: list[Asked]
) -> Iterator[str]:
    """host:port of a server that lets `users` pull and push everything; `asked` collects."""

    def answer(request: Asked) -> Answer:
        asked.append(request)
        if not _knows(request.headers.get("Authorization", ""), users):
            return Answer(401, {"Content-Type": "application/json"}, b'{"details":"wrong"}')
        token = _token(authority, request.query.get("scope", []))
        body = json.dumps({"token": token, "expires_in": 300}).encode()
        return Answer(200, {"Content-Type": "application/json"}, body)

    with serving(answer, authority.server_context()) as address:
        yield address


def _knows(authorization: str, users: Mapping[str, str]) -> bool:
    kind, _, encoded = authorization.partition(" ")
    name, _, password = base64.b64decode(encoded).decode().partition(":")
    return kind == "Basic" and users.get(name) == password


def _token(authority: Authority, scopes: Sequence[str]) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "tester",
        "aud": SERVICE,
        "iat": now,
        "nbf": now - 10,
        "exp": now + 300,
        "jti": str(time.monotonic_ns()),
        "access": [_access(scope) for scope in scopes],
    }
    certificate = load_pem_x509_certificate(authority.certificate.read_bytes())
    der = certificate.public_bytes(serialization.Encoding.DER)
    header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
    signed = f"{_part(header)}.{_part(claims)}"
    key = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64url(signature)}"


def _access(scope: str) -> dict[str, Any]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _part(content: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(content).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
