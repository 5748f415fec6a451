"""Registry against the real one: plain, with TLS and a password, behind a token server."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from fairlead.errors import RegistryError, TagMissing
from fairlead.registry import Registry, Resolved
from tests.contract.certificates import Authority
from tests.contract.loopback import Asked
from tests.contract.registries import (
    DOCKER_LIST,
    OCI_INDEX,
    Target,
    basic,
    push_blob,
    push_image,
    push_manifest,
)

SHA = "4f1c6f0e9d3b2a1807f6e5d4c3b2a190f8e7d6c5"
OTHER = "a" * 40


@pytest.fixture(params=["plain", "secured", "behind_tokens"])
def target(request: pytest.FixtureRequest) -> Target:
    target: Target = request.getfixturevalue(request.param)
    return target


@pytest.fixture
def pusher(target: Target) -> Iterator[httpx.Client]:
    with target.pusher() as client:
        challenge = client.get("/v2/", auth=httpx.Auth()).headers.get("WWW-Authenticate", "")
    bearer = _bearer(target, challenge) if challenge.startswith("Bearer") else None
    with target.pusher(bearer) as client:
        yield client


def _bearer(target: Target, challenge: str) -> str:
    realm = challenge.split('realm="')[1].split('"', maxsplit=1)[0]
    scopes = [f"repository:{name}:pull,push" for name in ("app", "app/one", "app/many")]
    with target.pusher() as client:
        answer = client.get(realm, params={"scope": scopes})
    return str(answer.json()["token"])


@pytest.mark.parametrize("docker_types", [False, True], ids=["oci", "docker"])
def test_a_tag_resolves_to_digest_and_revision(
    target: Target, pusher: httpx.Client, docker_types: bool
) -> None:
    pushed = push_image(pusher, "app/one", "dev-1", revision=SHA, docker_types=docker_types)
    assert target.registry().resolve("app/one", "dev-1") == Resolved(pushed["digest"], SHA)


def test_an_image_without_label_has_no_revision(target: Target, pusher: httpx.Client) -> None:
    pushed = push_image(pusher, "app", "bare")
    assert target.registry().resolve("app", "bare") == Resolved(pushed["digest"], None)


@pytest.mark.parametrize(
    ("labels", "annotation", "revision"),
    [((SHA, SHA), None, SHA), ((None, None), None, None), ((SHA, OTHER), OTHER, OTHER)],
    ids=["labels agree", "none", "annotation wins"],
)
@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST], ids=["oci", "docker"])
def test_an_index_has_one_revision(
    target: Target,
    pusher: httpx.Client,
    labels: tuple[str | None, str | None],
    annotation: str | None,
    revision: str | None,
    media_type: str,
) -> None:
    pushed = push_index(pusher, "app", "multi", labels, annotation, media_type)
    assert target.registry().resolve("app", "multi") == Resolved(pushed, revision)


def test_an_index_of_two_commits_is_refused(target: Target, pusher: httpx.Client) -> None:
    push_index(pusher, "app", "mixed", (SHA, OTHER), None, OCI_INDEX)
    with pytest.raises(RegistryError) as caught:
        target.registry().resolve("app", "mixed")
    assert str(caught.value) == (
        f"The registry {target.host} answered with an index whose platforms were built from "
        f"different commits: {SHA}, {OTHER}.\n"
        "Look what answers there, then try: fairlead check"
    )


def push_index(
    client: httpx.Client,
    image: str,
    tag: str,
    labels: tuple[str | None, str | None],
    annotation: str | None,
    media_type: str,
) -> str:
    """An index of two platforms and, as BuildKit makes it, a manifest of provenance."""
    arm, amd = (
        push_image(client, image, "", revision=label, architecture=architecture)
        for label, architecture in zip(labels, ("arm64", "amd64"), strict=True)
    )
    unknown = {"platform": {"os": "unknown", "architecture": "unknown"}}
    provenance = {**push_image(client, image, "", revision="0" * 40), **unknown}
    content = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [provenance, arm, amd],
        **(
            {"annotations": {"org.opencontainers.image.revision": annotation}} if annotation else {}
        ),
    }
    return str(push_manifest(client, image, tag, content, media_type)["digest"])


@pytest.mark.parametrize(("image", "tag"), [("app", "nowhere"), ("nobody/pushed", "this")])
def test_a_missing_tag_is_told_as_missing(
    target: Target, pusher: httpx.Client, image: str, tag: str
) -> None:
    push_image(pusher, "app", "there")
    with pytest.raises(TagMissing) as caught:
        target.registry().resolve(image, tag)
    assert str(caught.value).startswith(f"{target.host}/{image} has no tag {tag}.\n")


def test_another_tag_gets_the_very_bytes(target: Target, pusher: httpx.Client) -> None:
    registry = target.registry()
    pushed = push_image(pusher, "app", "dev-2", revision=SHA)
    for _ in range(2):
        registry.add_tag("app", pushed["digest"], "uat-2")
    assert registry.resolve("app", "uat-2") == registry.resolve("app", "dev-2")
    raw = [
        pusher.get(f"/v2/app/manifests/{tag}", headers={"Accept": pushed["mediaType"]})
        for tag in ("dev-2", "uat-2")
    ]
    assert raw[0].content == raw[1].content
    assert raw[0].headers["Content-Type"] == raw[1].headers["Content-Type"] == pushed["mediaType"]


def test_an_index_can_be_tagged_again(target: Target, pusher: httpx.Client) -> None:
    digest = push_index(pusher, "app", "dev-3", (SHA, SHA), None, OCI_INDEX)
    target.registry().add_tag("app", digest, "uat-3")
    assert target.registry().resolve("app", "uat-3") == Resolved(digest, SHA)


def test_a_tag_moves_when_it_is_added_to_another_digest(
    target: Target, pusher: httpx.Client
) -> None:
    registry = target.registry()
    first, second = (push_image(pusher, "app", tag, revision=tag * 10) for tag in ("one", "two"))
    for pushed in (first, second):
        registry.add_tag("app", pushed["digest"], "dev-latest")
        assert registry.resolve("app", "dev-latest").digest == pushed["digest"]


def test_a_digest_nobody_pushed_cannot_be_tagged(target: Target, pusher: httpx.Client) -> None:
    push_image(pusher, "app", "there")
    with pytest.raises(TagMissing):
        target.registry().add_tag("app", f"sha256:{'0' * 64}", "new")
    assert "new" not in target.registry().tags("app")


def test_tags_are_listed(target: Target, pusher: httpx.Client) -> None:
    for tag in ("dev-1", "dev-2", "v3.0_x"):
        push_image(pusher, "app/many", tag)
    assert sorted(target.registry().tags("app/many")) == ["dev-1", "dev-2", "v3.0_x"]
    assert target.registry().tags("nobody/pushed") == []


def test_an_artifact_that_is_no_image_has_no_revision(target: Target, pusher: httpx.Client) -> None:
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", **push_blob(pusher, "app", b"{}")}
    content = {"schemaVersion": 2, "config": empty, "layers": [empty]}
    media_type = "application/vnd.oci.image.manifest.v1+json"
    pushed = push_manifest(pusher, "app", "artifact", content, media_type)
    assert target.registry().resolve("app", "artifact") == Resolved(pushed["digest"], None)


def test_the_registry_answers_a_ping(target: Target) -> None:
    target.registry().ping()


@pytest.mark.parametrize("name", ["secured", "behind_tokens"])
@pytest.mark.parametrize("user", ["releaser", None])
def test_a_wrong_or_missing_password_is_told(
    request: pytest.FixtureRequest, name: str, user: str | None
) -> None:
    target: Target = request.getfixturevalue(name)
    password = SecretStr("wrong-pass") if user else None
    registry = target.registry(username=user, password=password)
    for call in (registry.ping, lambda: registry.resolve("app", "x"), lambda: registry.tags("app")):
        with pytest.raises(RegistryError) as caught:
            call()
        assert type(caught.value) is RegistryError
        assert str(caught.value).splitlines()[1] == (
            "Mend [registry] username and password, or that user's rights, then try: fairlead check"
        )
        assert target.host in str(caught.value)
        assert "401 Unauthorized" in str(caught.value)
        assert (f"user {user}" if user else "without a user") in str(caught.value)


def test_a_certificate_of_another_authority_is_not_trusted(
    secured: Target, other_authority: Authority
) -> None:
    for ca in (None, str(other_authority.ca)):
        with pytest.raises(RegistryError) as caught:
            secured.registry(ca=ca).ping()
        assert type(caught.value) is RegistryError
        assert str(caught.value).startswith(
            f"The certificate of the registry {secured.host} is not trusted: "
        )
        assert str(caught.value).endswith(
            "\nName the CA that signed it: [registry] ca = …, or mend the certificate."
        )


def test_plain_http_where_tls_is_expected_is_told(plain: Target) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry(plain.host).ping()
    assert str(caught.value) == (
        f"The registry {plain.host} does not speak TLS as it should.\n"
        "If it is meant to be plain HTTP: [registry] insecure = true"
    )


def test_tls_where_plain_http_is_expected_is_told(secured: Target) -> None:
    with pytest.raises(RegistryError, match="400 Bad Request"):
        Registry(secured.host, insecure=True).ping()


def test_the_environment_changes_nothing(
    secured: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    secured.registry().ping()


def test_the_password_goes_to_the_token_server_only(
    behind_tokens: Target, tokens_asked: list[Asked], caplog: pytest.LogCaptureFixture
) -> None:
    tokens_asked.clear()
    with caplog.at_level(logging.DEBUG):
        behind_tokens.registry().tags("app")
    (asked,) = tokens_asked
    password = behind_tokens.password or ""
    assert asked.headers["Authorization"] == basic("releaser", password)
    assert asked.query == {
        "account": ["contract"],
        "service": ["contract-registry"],
        "scope": ["repository:app:pull"],
    }
    assert password not in caplog.text
    assert basic("releaser", password) not in caplog.text
