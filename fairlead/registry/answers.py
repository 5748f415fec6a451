"""What a registry's answers mean; pure.

Sources: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md (sections Pulling
manifests, Error Codes), https://github.com/opencontainers/image-spec/blob/v1.1.1/ (manifest.md,
image-index.md, config.md, annotations.md) and
https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"
MANIFESTS = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
INDEXES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
NO_IMAGE_BEFORE = datetime(2013, 3, 1, tzinfo=UTC)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_CODE = re.compile(r"[A-Z][A-Z_]{1,39}")
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,80}")
# Distribution asks clients to take manifests of 4 MiB; a config or a page of tags is no larger.
LARGEST = 4 * 1024 * 1024
# An index of real images has one a platform; Docker's official ones have up to a dozen.
MOST_PLATFORMS = 32


class BadAnswer(ValueError):
    """Not what the specification says. `str()` completes "the registry answered …"."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a tag is now. `revision` is the label org.opencontainers.image.revision, where set;
    `built_at` when the image was made, where it says that."""

    digest: str
    revision: str | None
    built_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What an image says of how it was made: from which commit, and when."""

    revision: str | None
    built_at: datetime | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest or index: the bytes as they came, their digest, their type, their content."""

    raw: bytes
    digest: str
    media_type: str
    content: Mapping[str, Any]

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES


def digest_of(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def parse_manifest(raw: bytes, content_type: str, claimed: str | None) -> Manifest:
    """The manifest in `raw`, whose digest the registry says is `claimed`. Raises BadAnswer."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in MANIFESTS | INDEXES:
        raise BadAnswer(f"with {_shown(media_type)}, which is no image manifest Fairlead knows")
    digest = digest_of(raw)
    # The header may be left out, and may use an algorithm of the registry's choice.
    if claimed is not None and claimed != digest and claimed.startswith("sha256:"):
        raise BadAnswer(f"with a manifest of {digest} under another digest")
    content = parse_object(raw, "a manifest")
    if content.get("mediaType", media_type) != media_type:
        raise BadAnswer(f"with {media_type}, but the manifest says it is another type")
    return Manifest(raw, digest, media_type, content)


def parse_object(raw: bytes, what: str) -> Mapping[str, Any]:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"with {what} that is not JSON") from error
    if not isinstance(content, dict):
        raise BadAnswer(f"with {what} that is not a JSON object")
    return content


def config_digest(manifest: Manifest) -> str | None:
    """The digest of an image's config; None where it is something else in an image's clothes."""
    config = manifest.content.get("config")
    return None if config is None else descriptor_digest(config, "a config")


def platform_digests(index: Manifest) -> list[str]:
    """The manifests of an index that are images, linux/amd64 first; attestations are left out."""
    entries = index.content.get("manifests")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadAnswer("with an index without a list of manifests")
    images = sorted((entry for entry in entries if _is_image(entry)), key=_platform_order)
    if len(images) > MOST_PLATFORMS:
        raise BadAnswer(f"with an index of {len(images)} platforms")
    return [descriptor_digest(entry, "a manifest") for entry in images]


def descriptor_digest(descriptor: object, what: str) -> str:
    fields = descriptor if isinstance(descriptor, dict) else {}
    digest, size = fields.get("digest"), fields.get("size")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise BadAnswer(f"with a manifest that names {what} without a SHA-256 digest")
    if not isinstance(size, int) or not 0 <= size <= LARGEST:
        raise BadAnswer(f"with a manifest that names {what} without a size up to {LARGEST} bytes")
    return digest


def annotated_revision(index: Manifest) -> str | None:
    return _revision(index.content.get("annotations"), "an annotation")


def annotated_time(index: Manifest) -> datetime | None:
    annotations = index.content.get("annotations")
    return _moment(annotations.get(CREATED)) if isinstance(annotations, dict) else None


def made_at(raw: bytes) -> datetime | None:
    """When the image was made, from its config: the later of what its label and what its builder
    says. Each may be a base image's, or a constant for the sake of builds that can be repeated."""
    whole = parse_object(raw, "an image config")
    config = whole.get("config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    label = labels.get(CREATED) if isinstance(labels, dict) else None
    known = [moment for moment in map(_moment, (label, whole.get("created"))) if moment]
    return max(known, default=None)


def _moment(value: object) -> datetime | None:
    """A time of RFC 3339 after Docker was there; anything else is nobody's word."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        known = moment is not None and moment.tzinfo is not None and moment > NO_IMAGE_BEFORE
    except (ValueError, OverflowError):
        return None
    return moment if known else None


def labelled_revision(raw: bytes) -> str | None:
    """The revision in an image's config. Raises BadAnswer."""
    config = parse_object(raw, "an image config").get("config")
    if config is not None and not isinstance(config, dict):
        raise BadAnswer("with an image config whose config is not an object")
    return _revision((config or {}).get("Labels"), "a label")


def common_revision(revisions: Iterable[str | None]) -> str | None:
    """The one revision of all platforms. Raises BadAnswer where they differ."""
    found = set(revisions)
    if len(found) > 1:
        shown = ", ".join(sorted(revision or "none" for revision in found))
        raise BadAnswer(f"with an index whose platforms were built from different commits: {shown}")
    return next(iter(found), None)


def error_codes(raw: bytes) -> tuple[str, ...]:
    """The codes of an error answer; empty where the answer is no registry's."""
    try:
        errors = parse_object(raw, "an error").get("errors")
    except BadAnswer:
        return ()
    entries = errors if isinstance(errors, list) else []
    codes = [entry.get("code") for entry in entries[:5] if isinstance(entry, dict)]
    return tuple(code for code in codes if isinstance(code, str) and _CODE.fullmatch(code))


def _revision(table: object, what: str) -> str | None:
    if table is None:
        return None
    value = table.get(REVISION) if isinstance(table, dict) else table
    if value is None or value == "":
        return None
    # It is shown to people: nothing that breaks a line or a terminal.
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise BadAnswer(f"with {what} {REVISION} that is no revision")
    return value


def _is_image(entry: Mapping[str, Any]) -> bool:
    # BuildKit keeps provenance beside the images, for a platform unknown/unknown:
    # https://docs.docker.com/build/metadata/attestations/attestation-storage/
    return entry.get("mediaType") in MANIFESTS and _platform(entry) != "unknown/unknown"


def _platform(entry: Mapping[str, Any]) -> str:
    platform = entry.get("platform")
    fields = platform if isinstance(platform, dict) else {}
    return f"{fields.get('os')}/{fields.get('architecture')}"


def _platform_order(entry: Mapping[str, Any]) -> bool:
    return _platform(entry) != "linux/amd64"


def _shown(media_type: str) -> str:
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "no content type"
