"""Whether GitHub signed a body.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

from pydantic import SecretStr

HEADER = "X-Hub-Signature-256"
_FORM = re.compile(r"sha256=[0-9a-f]{64}")


def is_signature(text: str) -> bool:
    """It may be one: what is none needs no body to be refused."""
    return _FORM.fullmatch(text) is not None


def signed(body: bytes, secret: SecretStr) -> str:
    """The header's value."""
    key = secret.get_secret_value().encode()
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"


def is_signed(body: bytes, signature: str, secrets: Sequence[SecretStr]) -> bool:
    """Whether one of `secrets` made the signature; each is tried, whichever it is, and each takes
    the same time whatever the signature is."""
    if not is_signature(signature):
        return False
    right = [hmac.compare_digest(signed(body, secret), signature) for secret in secrets]
    return any(right)
