"""An OCI registry, spoken to through dxf."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr

from fairlead.errors import InputError, TagMissing
from fairlead.registry.answers import (
    DIGEST,
    TAG,
    BadAnswer,
    Made,
    Manifest,
    Resolved,
    annotated_revision,
    annotated_time,
    common_revision,
    config_digest,
    digest_of,
    error_codes,
    labelled_revision,
    made_at,
    parse_manifest,
    platform_digests,
)
from fairlead.registry.client import Client, checked_token
from fairlead.registry.errors import RAISED, translated

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(rf"{_WORD}(?:/{_WORD})*")
# Harbor says NOT_FOUND, outside the specification: https://github.com/goharbor/harbor/issues/16515
_MISSING = {"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"}
_MOST_TAGS = 100_000


class Registry:
    """One registry, asked as one user, or as nobody where none is given.

    `host` is a name with an optional port; `ca` a PEM file that is trusted instead of the public
    CAs; `timeout` seconds for a connection, for the head of an answer, and for its body. `insecure`
    is plain HTTP, which carries no password. Images are names without the host.

    Speaks https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, and Basic and
    https://distribution.github.io/distribution/spec/auth/token/ to log in. The token server, which
    the registry names and which gets the password, is spoken to over TLS only. Nothing is retried
    in here: RegistryAway says that asking again may help. Each method raises RegistryError for
    every answer but the ones it names, and InputError for what is no image, tag or digest.
    """

    def __init__(
        self,
        host: str,
        *,
        insecure: bool = False,
        username: str | None = None,
        password: SecretStr | None = None,
        ca: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        if not _HOST.fullmatch(host):
            # Not repeated: somebody may have put a password into it.
            raise InputError(
                "The registry's host has to be a name, with a port where it needs one."
            )
        if insecure and password is not None:
            raise InputError(f"No password is sent to {host} over plain HTTP.")
        _check_ca(ca)
        self.host = host
        self._insecure, self._ca, self._timeout = insecure, ca, timeout
        self._username, self._password = username, password

    def ping(self) -> None:
        """The registry answers and lets us in (end-1). Raises RegistryError."""
        # dxf asks for the right to list the whole catalog unless there is a repository.
        with self._conversation("ping") as client:
            _, response = client.api_version_check()
        if not _speaks_distribution(response):
            raise translated(BadAnswer("at /v2/, but not as a registry"), self.host, self._username)

    def resolve(self, image: str, tag: str) -> Resolved:
        """The digest of `tag`, its revision, and when it was made (end-3, end-2).

        The digest is that of the bytes that came, and has to be the one the registry claims. The
        revision of an index is its annotation, else the label that all its platforms agree on.
        Raises TagMissing.
        """
        _checked(TAG, tag, "tag")
        with self._conversation(image, tag) as client:
            manifest = _manifest(client, tag)
            made = _made(client, manifest)
            return Resolved(manifest.digest, made.revision, made.built_at)

    def add_tag(self, image: str, digest: str, tag: str) -> None:
        """Puts the manifest of `digest` under `tag` too, byte for byte (end-7); safe to run twice.

        Raises TagMissing where the registry has no such digest.
        """
        _checked(DIGEST, digest, "digest")
        _checked(TAG, tag, "tag")
        with self._conversation(image, digest) as client:
            manifest = _manifest(client, digest)
            client.put_manifest(tag, manifest.raw, manifest.media_type)
            found = _manifest(client, tag).digest
            if found != digest:
                raise BadAnswer(f"with {found} for the tag {tag}, just set to {digest}")

    def tags(self, image: str) -> list[str]:
        """All tags of `image`, page after page (end-8). Empty for one nobody has pushed yet."""
        try:
            with self._conversation(image) as client:
                pages = client.list_aliases(batch_size=1000, iterate=True)
                found = list(islice(pages, _MOST_TAGS + 1))
                _check_tags(found)
        except TagMissing:
            return []
        return found

    @contextmanager
    def _conversation(self, image: str, reference: str = "") -> Iterator[Client]:
        """A client for `image`; whatever it raises comes out as TagMissing or RegistryError."""
        _checked(_IMAGE, image, "image's name")
        client = Client(
            self.host,
            image,
            auth=self._log_in,
            insecure=self._insecure,
            tlsverify=self._ca or True,
            timeout=self._timeout,
        )
        try:
            with client:
                yield client
        except RAISED as exc:
            if _is_missing(exc):
                raise TagMissing(f"{self.host}/{image}", reference) from exc
            raise translated(exc, self.host, self._username) from exc

    def _log_in(self, client: Any, response: requests.Response) -> None:
        first = response.history[0] if response.history else response
        if urlsplit(response.url).netloc != urlsplit(first.url).netloc:
            response.raise_for_status()  # only the registry itself names who gets the password
        password = self._password.get_secret_value() if self._password else None
        client.authenticate(self._username, password, response=response)
        checked_token(client)


def _checked(pattern: re.Pattern[str], text: str, what: str) -> None:
    # The limit of a repository's name with its host is 255 in most clients (Pulling manifests).
    if len(text) > 255 or not pattern.fullmatch(text):
        raise InputError(f"{text[:255]!r} is no {what}.")


def _check_ca(ca: str | None) -> None:
    if ca is None:
        return
    try:
        ssl.create_default_context(cafile=ca)
    except OSError as exc:
        why = "it holds no PEM certificate" if isinstance(exc, ssl.SSLError) else exc.strerror
        raise InputError(
            f"The registry's CA file {ca} cannot be used: {why}.",
            next_step="Mend [registry] ca, then try: fairlead check",
        ) from exc


def _check_tags(tags: list[Any]) -> None:
    if len(tags) > _MOST_TAGS:
        raise BadAnswer(f"with more than {_MOST_TAGS} tags")
    if not all(isinstance(tag, str) and TAG.fullmatch(tag) for tag in tags):
        raise BadAnswer("with tags that are none")


def _speaks_distribution(response: requests.Response) -> bool:
    version = response.headers.get("Docker-Distribution-API-Version", "")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return version == "registry/2.0" or kind == "application/json" or not response.content


def _manifest(client: Client, reference: str) -> Manifest:
    _, response = client.get_manifest_and_response(reference)
    manifest = parse_manifest(
        response.content,
        response.headers.get("Content-Type", ""),
        response.headers.get("Docker-Content-Digest"),
    )
    if DIGEST.fullmatch(reference) and manifest.digest != reference:
        raise BadAnswer(f"with {manifest.digest} for {reference}")
    return manifest


def _made(client: Client, manifest: Manifest) -> Made:
    if not manifest.is_index:
        return _labelled(client, manifest)
    annotated = annotated_revision(manifest)
    if annotated is not None:
        return Made(annotated, annotated_time(manifest))
    images = [_manifest(client, digest) for digest in platform_digests(manifest)]
    made = [_labelled(client, image) for image in images]
    moments = [one.built_at for one in made if one.built_at]
    return Made(common_revision(one.revision for one in made), max(moments, default=None))


def _labelled(client: Client, manifest: Manifest) -> Made:
    digest = config_digest(manifest)
    if digest is None:
        return Made(None, None)
    raw = client.blob(digest)
    if digest_of(raw) != digest:
        raise BadAnswer(f"with {digest_of(raw)} for the config {digest}")
    return Made(labelled_revision(raw), made_at(raw))


def _is_missing(exc: Exception) -> bool:
    """The tag, digest or repository is not there: the code says so, not the text."""
    return (
        isinstance(exc, requests.HTTPError)
        and exc.response.status_code == 404
        and not _MISSING.isdisjoint(error_codes(exc.response.content))
    )
