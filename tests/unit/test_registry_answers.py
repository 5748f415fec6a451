"""What a registry's answers mean, and what is no question to a registry."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fairlead.errors import InputError
from fairlead.registry import Registry
from fairlead.registry.answers import (
    BadAnswer,
    Manifest,
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

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def index(*entries: Any) -> Manifest:
    return parse_manifest(json.dumps({"manifests": entries}).encode(), INDEX, None)


def entry(digit: str, platform: str, media_type: str = MANIFEST) -> dict[str, Any]:
    system, architecture = platform.split("/")
    return {
        "mediaType": media_type,
        "digest": f"sha256:{digit * 64}",
        "size": 7,
        "platform": {"os": system, "architecture": architecture},
    }


LABEL = "org.opencontainers.image.created"


def config(created: Any = None, label: Any = None) -> bytes:
    return json.dumps({"created": created, "config": {"Labels": {LABEL: label}}}).encode()


@pytest.mark.parametrize(
    ("created", "label", "made"),
    [
        ("2026-01-02T03:04:05.123456789Z", None, datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        # the label is a base image's
        ("2026-01-02T03:04:05Z", "2025-06-01T00:00:00Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        # a build that can be repeated
        ("1970-01-01T00:00:00Z", "2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("1980-01-01T00:00:01Z", None, None),
        ("2026-01-02T03:04:05", None, None),
        ("2026-01-02T05:04:05+02:00", "", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("now", 7, None),
        (None, ["2026-01-02T03:04:05Z"], None),
        ("0001-01-01T00:00:00+23:59", "9999-99-99T00:00:00Z", None),
    ],
)
def test_an_image_says_when_it_was_made(created: Any, label: Any, made: datetime | None) -> None:
    assert made_at(config(created, label)) == made


@given(value=st.text() | st.datetimes().map(str) | st.integers() | st.none())
def test_nothing_that_it_says_instead_is_an_error(value: Any) -> None:
    found = made_at(config(value, value))
    assert found is None or found.tzinfo is not None


def test_an_index_says_when_it_was_made() -> None:
    annotated = index()
    assert annotated_time(annotated) is None
    annotations = {"annotations": {LABEL: "2026-01-02T03:04:05Z"}}
    raw = json.dumps({"manifests": [], **annotations}).encode()
    assert annotated_time(parse_manifest(raw, INDEX, None)) == datetime(
        2026, 1, 2, 3, 4, 5, tzinfo=UTC
    )


def test_the_digest_is_that_of_the_bytes() -> None:
    assert digest_of(b"") == EMPTY
    manifest = parse_manifest(b" { }", f"{MANIFEST.upper()}; charset=utf-8", None)
    assert manifest == Manifest(b" { }", digest_of(b" { }"), MANIFEST, {})


def test_a_digest_of_another_algorithm_is_not_compared() -> None:
    assert parse_manifest(b"{}", MANIFEST, f"sha512:{'0' * 128}").digest == digest_of(b"{}")


def test_linux_on_amd64_comes_first_and_attestations_not_at_all() -> None:
    found = platform_digests(
        index(
            entry("1", "unknown/unknown"),
            entry("2", "linux/arm64"),
            entry("3", "linux/amd64"),
            entry("4", "linux/amd64", media_type=INDEX),
        )
    )
    assert found == [f"sha256:{digit * 64}" for digit in "32"]


def test_an_index_of_very_many_platforms_is_refused() -> None:
    with pytest.raises(BadAnswer, match=r"^with an index of 33 platforms$"):
        platform_digests(index(*[entry("1", "linux/amd64")] * 33))


def test_a_manifest_without_config_is_no_image() -> None:
    assert config_digest(parse_manifest(b"{}", MANIFEST, None)) is None


@pytest.mark.parametrize(
    ("revisions", "common"), [([], None), (["a", "a"], "a"), ([None, None], None)]
)
def test_platforms_agree_on_a_revision(revisions: list[str | None], common: str | None) -> None:
    assert common_revision(revisions) == common


def test_platforms_that_disagree_are_told() -> None:
    with pytest.raises(BadAnswer, match=r"different commits: a, none$"):
        common_revision(["a", None])


def test_an_empty_label_is_no_revision() -> None:
    labels = {"org.opencontainers.image.revision": ""}
    assert labelled_revision(json.dumps({"config": {"Labels": labels}}).encode()) is None


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b'{"errors": [{"code": "DENIED"}, {"code": "UNKNOWN", "message": "x"}]}',
         ("DENIED", "UNKNOWN")),
        (b'{"errors": [{"code": "not one"}, {"code": 7}, {}, 1]}', ()),
        (b'{"errors": 1}', ()),
        (b"{}", ()),
        (b"<html>", ()),
    ],
)  # fmt: skip
def test_codes_of_an_error(body: bytes, codes: tuple[str, ...]) -> None:
    assert error_codes(body) == codes


@given(raw=st.binary(max_size=200), kind=st.sampled_from([MANIFEST, INDEX, "", "text/html"]))
def test_garbage_is_a_bad_answer(raw: bytes, kind: str) -> None:
    for read in (lambda: parse_manifest(raw, kind, None), lambda: labelled_revision(raw)):
        try:
            read()
        except BadAnswer as error:
            assert str(error).startswith("with ")  # noqa: PT017 most garbage ends here, not all


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("../other", "x"),
        ("/app", "x"),
        ("//elsewhere/app", "x"),
        ("App", "x"),
        ("app", "x/../../y"),
        ("app", "x?y"),
        ("app", ""),
        ("", "x"),
        ("app", "x" * 129),
        ("a" * 256, "x"),
        ("app\n", "x"),
        ("app", "x\n"),
    ],
)
def test_what_is_no_image_or_tag_is_not_asked_for(image: str, tag: str) -> None:
    with pytest.raises(InputError):
        Registry("registry.example").resolve(image, tag)


@pytest.mark.parametrize(
    "host", ["", "https://r.example", "u:hunter22@r.example", "r.example/v2", "r.example:", "r:1\n"]
)
def test_what_is_no_host_is_refused_and_not_repeated(host: str) -> None:
    with pytest.raises(InputError) as caught:
        Registry(host)
    assert str(caught.value) == (
        "The registry's host has to be a name, with a port where it needs one."
    )


@pytest.mark.parametrize("host", ["ghcr.io", "localhost:5000", "[::1]:5000", "10.0.0.1", "r"])
def test_a_host_may_have_a_port(host: str) -> None:
    assert Registry(host).host == host


def test_a_password_is_not_for_plain_http() -> None:
    with pytest.raises(InputError) as caught:
        Registry("r.example", insecure=True, username="u", password=SecretStr("hunter22"))
    assert str(caught.value) == "No password is sent to r.example over plain HTTP."


def test_a_ca_file_has_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for name, why in (
        ("none.pem", "No such file or directory"),
        ("no.pem", "it holds no PEM certificate"),
    ):
        with pytest.raises(InputError) as caught:
            Registry("r.example", ca=str(tmp_path / name))
        assert str(caught.value) == (
            f"The registry's CA file {tmp_path / name} cannot be used: {why}.\n"
            "Mend [registry] ca, then try: fairlead check"
        )


def test_a_registry_shows_no_password() -> None:
    registry = Registry("r.example", username="u", password=SecretStr("hunter22"))
    assert "hunter22" not in repr(vars(registry)) + repr(registry)
