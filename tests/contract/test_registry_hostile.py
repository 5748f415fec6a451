"""Registry against servers that are away, broken, no registry, or mean."""

import hashlib
import json
import logging
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from fairlead.errors import RegistryError, TagMissing
from fairlead.registry import Registry, RegistryAway, Resolved
from tests.contract.certificates import Authority, make_authority
from tests.contract.loopback import Answer, Answering, Asked, serving
from tests.contract.registries import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST

LOOK = "Look what answers there, then try: fairlead check"
WAIT = "Wait for it, or mend the way to it, then try: fairlead check"
LOGIN = "Mend [registry] username and password, or that user's rights, then try: fairlead check"
SHA = "4f1c6f0e9d3b2a1807f6e5d4c3b2a190f8e7d6c5"
DIGEST = f"sha256:{'0' * 64}"


def outcome(answering: Answering, **settings: Any) -> RegistryError | TagMissing | Resolved:
    """What comes of resolving app:x where `answering` serves; `HOST` in messages is its address."""
    with serving(answering) as host:
        registry = Registry(host, insecure=True, **settings)
        try:
            return registry.resolve("app", "x")
        except (RegistryError, TagMissing) as exc:
            error = exc
    assert error.__cause__ is not None
    error.args = (str(error).replace(host, "HOST"),)
    return error


def always(answer: Answer) -> Answering:
    return lambda _: answer


def errors(*codes: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "words"} for code in codes]}).encode()


def image(blob: bytes, **changes: Any) -> bytes:
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    descriptor = {"mediaType": OCI_CONFIG, "digest": digest, "size": len(blob)}
    return json.dumps({"schemaVersion": 2, "config": descriptor, **changes}).encode()


def manifest(body: bytes, **headers: str) -> Answer:
    return Answer(200, {"Content-Type": OCI_MANIFEST, **headers}, body)


def labelled(revision: Any) -> bytes:
    labels = {"org.opencontainers.image.revision": revision}
    return json.dumps({"config": {"Labels": labels}}).encode()


def with_blob(body: bytes, blob: bytes) -> Answering:
    return lambda asked: Answer(body=blob) if "/blobs/" in asked.path else manifest(body)


@pytest.mark.parametrize(
    ("answer", "away", "message"),
    [
        (Answer(429, body=errors("TOOMANYREQUESTS")), True,
         f"The registry HOST says 429 Too Many Requests (TOOMANYREQUESTS).\n{WAIT}"),
        (Answer(500), True, f"The registry HOST says 500 Internal Server Error.\n{WAIT}"),
        (Answer(503, body=errors("UNAVAILABLE")), True,
         f"The registry HOST says 503 Service Unavailable (UNAVAILABLE).\n{WAIT}"),
        (Answer(599), True, f"The registry HOST says 599.\n{WAIT}"),
        (Answer(403, body=errors("DENIED")), False,
         f"The registry HOST does not let us without a user in: 403 Forbidden (DENIED).\n{LOGIN}"),
        (Answer(404, body=b"<html>nothing here"), False,
         f"The registry HOST says 404 Not Found.\n{LOOK}"),
        (Answer(404, body=errors("BLOB_UNKNOWN", "bad code\n")), False,
         f"The registry HOST says 404 Not Found (BLOB_UNKNOWN).\n{LOOK}"),
        (Answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>"), False,
         "The registry HOST answered with text/html, "
         f"which is no image manifest Fairlead knows.\n{LOOK}"),
        (Answer(200, {}, b"{}"), False,
         "The registry HOST answered with no content type, "
         f"which is no image manifest Fairlead knows.\n{LOOK}"),
        (manifest(b"\xff\xfe"), False,
         f"The registry HOST answered as no registry does (UnicodeDecodeError).\n{LOOK}"),
        (manifest(b"{"), False,
         f"The registry HOST answered with a manifest that is not JSON.\n{LOOK}"),
        (manifest(b"[" * 100_000), False,
         f"The registry HOST answered with a manifest that is not JSON.\n{LOOK}"),
        (manifest(b"[]"), False,
         f"The registry HOST answered with a manifest that is not a JSON object.\n{LOOK}"),
        (manifest(b"{}", **{"Docker-Content-Digest": DIGEST}), False,
         "The registry HOST answered with a manifest of "
         f"sha256:{hashlib.sha256(b'{}').hexdigest()} under another digest.\n{LOOK}"),
        (manifest(image(b"{}", mediaType=OCI_INDEX)), False,
         f"The registry HOST answered with {OCI_MANIFEST}, "
         f"but the manifest says it is another type.\n{LOOK}"),
        (manifest(b'{"config": {"digest": "md5:1", "size": 1}}'), False,
         "The registry HOST answered with a manifest that names a config "
         f"without a SHA-256 digest.\n{LOOK}"),
        (manifest(image(b"{}", config={"digest": DIGEST, "size": 2**40})), False,
         "The registry HOST answered with a manifest that names a config "
         f"without a size up to 4194304 bytes.\n{LOOK}"),
        (manifest(b" " * 5_000_000), False,
         f"The registry HOST answered with more than 4194304 bytes.\n{LOOK}"),
        (Answer(200, {"Content-Type": OCI_INDEX}, b'{"manifests": 1}'), False,
         f"The registry HOST answered with an index without a list of manifests.\n{LOOK}"),
        (Answer(302, {"Location": "/v2/app/manifests/x"}), False,
         f"The registry HOST answered as no registry does (TooManyRedirects).\n{LOOK}"),
        (Answer(302, {"Location": "file:///etc/passwd"}), False,
         f"The registry HOST answered as no registry does (InvalidSchema).\n{LOOK}"),
        (Answer(401, {"WWW-Authenticate": 'Basic realm="x"'}), False,
         "The registry HOST wants a password, and none is sent over plain HTTP.\n"
         "Give the registry TLS and drop [registry] insecure."),
        (Answer(raw=b""), True, f"The registry HOST broke off the connection.\n{WAIT}"),
        (Answer(raw=b"\0\1\2 no HTTP\r\n\r\n"), True,
         f"The registry HOST broke off the connection.\n{WAIT}"),
        (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), True,
         f"The registry HOST broke off in the middle of its answer.\n{WAIT}"),
        (Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), True,
         f"The registry HOST broke off in the middle of its answer.\n{WAIT}"),
        (Answer(200, {"Content-Encoding": "gzip"}, b"no gzip"), True,
         f"The registry HOST broke off in the middle of its answer.\n{WAIT}"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_told(answer: Answer, away: bool, message: str) -> None:
    error = outcome(always(answer))
    assert str(error) == message
    assert type(error) is (RegistryAway if away else RegistryError)


@pytest.mark.parametrize("code", ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"])
def test_codes_tell_that_a_tag_is_missing(code: str) -> None:
    assert isinstance(outcome(always(Answer(404, body=errors(code)))), TagMissing)


@pytest.mark.parametrize(
    ("config", "blob", "words"),
    [
        (b"{}", b"{ }", "for the config"),
        (b"[]", b"[]", "an image config that is not a JSON object"),
        (b'{"config": 1}', b'{"config": 1}', "an image config whose config is not an object"),
        *(
            (labelled(bad), labelled(bad), "a label org.opencontainers.image.revision that is no")
            for bad in (1, ["x"], "x" * 201, "\x1b[31m", "\ud800", "two\nlines")
        ),
    ],
)
def test_a_config_that_is_none_is_told(config: bytes, blob: bytes, words: str) -> None:
    error = outcome(with_blob(image(config), blob))
    assert type(error) is RegistryError
    assert words in str(error)


@pytest.mark.parametrize("config", [b"{}", b'{"config": null}', b'{"config": {"Labels": null}}'])
def test_a_config_may_have_no_labels(config: bytes) -> None:
    body = image(config)
    assert outcome(with_blob(body, config)) == Resolved(
        f"sha256:{hashlib.sha256(body).hexdigest()}", None
    )


def test_a_config_may_say_when_the_image_was_made() -> None:
    config = json.dumps({"created": "2026-01-02T03:04:05Z"}).encode()
    body = image(config)
    made = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert outcome(with_blob(body, config)) == Resolved(digest, None, made)


def test_a_closed_port_refuses() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RegistryAway) as caught:
            Registry(host).ping()
    assert str(caught.value) == f"The registry {host} refuses the connection.\n{WAIT}"


def test_a_name_that_does_not_resolve_is_told() -> None:
    with pytest.raises(RegistryAway) as caught:
        Registry("registry.invalid").ping()
    assert str(caught.value) == (
        f"The registry registry.invalid has a name that does not resolve.\n{WAIT}"
    )


def test_silence_ends() -> None:
    def silent(_: Asked) -> Answer:
        time.sleep(0.6)
        return Answer()

    error = outcome(silent, timeout=0.2)
    assert type(error) is RegistryAway
    assert str(error) == f"The registry HOST did not answer in time.\n{WAIT}"


HEAD = b"HTTP/1.1 200 OK\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "drop", "pause", "words"),
    [
        (HEAD + b"Content-Length: 1000\r\n\r\n", b" ", 0.05, "did not end its answer in 0.2 s"),
        (HEAD + b"Content-Length: 1000\r\n\r\n", b" ", 0.6, "did not end its answer in 0.2 s"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x", 0.05,
         "did not end its answer in 0.2 s"),
        (b"", b"H", 0.05, "did not answer in time"),
        (HEAD + b"X-Long: ", b"x", 0.05, "did not answer in time"),
        (HEAD, b"X: y\r\n", 0.05, "did not answer in time"),
        (CONTINUE, CONTINUE, 0.05, "did not answer in time"),
    ],
    ids=["body", "silence", "chunk", "status", "long header", "many headers", "100"],
)  # fmt: skip
def test_an_answer_that_drips_ends(head: bytes, drop: bytes, pause: float, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        dripping = Thread(target=drip, args=(server, head, drop, pause), daemon=True)
        dripping.start()
        began = time.monotonic()
        with pytest.raises(RegistryAway) as caught:
            Registry(host, insecure=True, timeout=0.2).resolve("app", "x")
        assert time.monotonic() - began < 3
        dripping.join()
    assert str(caught.value) == f"The registry {host} {words}.\n{WAIT}"


def drip(server: socket.socket, head: bytes, drop: bytes, pause: float) -> None:
    """For ten seconds, or as long as somebody listens."""
    connection, _ = server.accept()
    until = time.monotonic() + 10
    with connection, suppress(OSError):
        connection.sendall(head)
        while time.monotonic() < until:
            connection.sendall(drop)
            time.sleep(pause)


def test_a_head_that_drips_over_tls_ends(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        encrypted = authority.server_context().wrap_socket(server, server_side=True)
        dripping = Thread(target=drip, args=(encrypted, HEAD, b"X: y\r\n", 0.2), daemon=True)
        dripping.start()
        with pytest.raises(RegistryAway, match="did not answer in time"):
            Registry(host, ca=str(authority.ca), timeout=1).ping()
        dripping.join()


def test_tags_come_page_after_page() -> None:
    asked: list[str] = []

    def pages(request: Asked) -> Answer:
        asked.append(request.target)
        if "last" in request.query:
            return Answer(body=b'{"name": "app", "tags": ["c"]}')
        link = {"Link": '</v2/app/tags/list?n=1000&last=b>; rel="next"'}
        return Answer(200, link, b'{"name": "app", "tags": ["a", "b"]}')

    with serving(pages) as host:
        assert Registry(host, insecure=True).tags("app") == ["a", "b", "c"]
    assert asked == ["/v2/app/tags/list?n=1000", "/v2/app/tags/list?n=1000&last=b"]


def test_a_hundred_thousand_tags_come_a_hundred_at_a_time_and_not_one_more() -> None:
    last = 1000

    def pages(request: Asked) -> Answer:
        page = int(request.query.get("last", ["0"])[0])
        tags = [f"t{page}-{number}" for number in range(100)]
        link = {"Link": f'</v2/app/tags/list?last={page + 1}>; rel="next"'}
        more = link if page + 1 < last else {}
        return Answer(200, more, json.dumps({"name": "app", "tags": tags}).encode())

    with serving(pages) as host:
        assert len(Registry(host, insecure=True).tags("app")) == 100_000
        last = 1001
        with pytest.raises(RegistryError, match="with more than 100000 tags"):
            Registry(host, insecure=True).tags("app")


@pytest.mark.parametrize(
    ("link", "body", "words"),
    [
        ("/v2/app/tags/list?last=b", b'{"tags": []}', "with pages that do not end"),
        ("https://elsewhere.invalid/v2/app/tags/list", b'{"tags": []}', "a link to another place"),
        ("/elsewhere", b'{"tags": []}', "a link to another place"),
        ("", b'{"tags": ["a", 1]}', "with tags that are none"),
        ("", b'{"tags": ["a b"]}', "with tags that are none"),
        ("", b'{"tags": 7}', "as no registry does (TypeError)"),
        ("", b"[]", "as no registry does (TypeError)"),
        ("", b"{}", "as no registry does (KeyError)"),
        ("", b"<html>", "as no registry does (JSONDecodeError)"),
    ],
)
def test_a_list_of_tags_that_is_none_is_told(link: str, body: bytes, words: str) -> None:
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    with serving(always(Answer(200, headers, body))) as host:
        with pytest.raises(RegistryError) as caught:
            Registry(host, insecure=True).tags("app")
        assert words in str(caught.value)


def test_a_repository_without_tags_has_an_empty_list() -> None:
    with serving(always(Answer(body=b'{"name": "app", "tags": null}'))) as host:
        assert Registry(host, insecure=True).tags("app") == []


def test_a_web_page_at_v2_is_no_registry() -> None:
    with serving(always(Answer(200, {"Content-Type": "text/html"}, b"<html>"))) as host:
        with pytest.raises(RegistryError) as caught:
            Registry(host, insecure=True).ping()
        assert str(caught.value) == (
            f"The registry {host} answered at /v2/, but not as a registry.\n{LOOK}"
        )


def test_a_tag_that_does_not_stick_is_told() -> None:
    raw = image(b"{}")
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    other = image(b"[]")
    body = {f"/v2/app/manifests/{digest}": raw, "/v2/app/manifests/new": other}
    found = f"sha256:{hashlib.sha256(other).hexdigest()}"
    with serving(lambda asked: manifest(body[asked.path])) as host:
        with pytest.raises(RegistryError) as caught:
            Registry(host, insecure=True).add_tag("app", digest, "new")
        assert str(caught.value) == (
            f"The registry {host} answered with {found} for the tag new, just set to {digest}.\n"
            f"{LOOK}"
        )


def test_an_expired_certificate_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    expired = make_authority(tmp_path_factory.mktemp("expired"), ends_in_days=-1)
    with serving(always(Answer()), expired.server_context()) as host:
        with pytest.raises(RegistryError) as caught:
            Registry(host, ca=str(expired.ca)).ping()
        assert str(caught.value) == (
            f"The certificate of the registry {host} is not trusted: certificate has expired.\n"
            "Name the CA that signed it: [registry] ca = …, or mend the certificate."
        )


def test_a_redirect_from_tls_to_plain_http_is_refused(authority: Authority) -> None:
    asked: list[Asked] = []

    def collect(request: Asked) -> Answer:
        asked.append(request)
        return manifest(image(b"{}"))

    with serving(collect) as plain:
        away = always(Answer(307, {"Location": f"http://{plain}/v2/app/manifests/x"}))
        with serving(away, authority.server_context()) as host, pytest.raises(RegistryError):
            Registry(host, ca=str(authority.ca)).resolve("app", "x")
    assert asked == []


def test_a_redirect_to_another_host_gets_no_password(authority: Authority) -> None:
    asked: list[Asked] = []
    context = authority.server_context()

    def collect(request: Asked) -> Answer:
        asked.append(request)
        return Answer(404)

    with serving(collect, context) as storage:

        def answer(request: Asked) -> Answer:
            if "Authorization" not in request.headers:
                return Answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
            return Answer(307, {"Location": f"https://{storage}/blob"})

        with serving(answer, context) as host, pytest.raises(RegistryError):
            registry_of(host, authority).resolve("app", "x")
    assert [request.path for request in asked] == ["/blob"]
    assert "Authorization" not in asked[0].headers


def test_another_host_that_is_redirected_to_names_no_token_server(authority: Authority) -> None:
    asked: list[Asked] = []
    context = authority.server_context()

    def collect(request: Asked) -> Answer:
        asked.append(request)
        return Answer(body=b'{"token": "t-1"}')

    with serving(collect, context) as tokens:
        challenge = {"WWW-Authenticate": f'Bearer realm="https://{tokens}/t"'}
        with serving(always(Answer(401, challenge)), context) as storage:
            away = always(Answer(307, {"Location": f"https://{storage}/blob"}))
            with serving(away, context) as host, pytest.raises(RegistryError) as caught:
                registry_of(host, authority).resolve("app", "x")
    assert asked == []
    assert str(caught.value) == (
        f"The registry {host} (through {storage}) does not let user u in: 401 Unauthorized.\n"
        f"{LOGIN}"
    )


PASSWORD = "correct horse 7"


def registry_of(host: str, authority: Authority) -> Registry:
    secret = SecretStr(PASSWORD)
    return Registry(host, username="u", password=secret, ca=str(authority.ca), timeout=5)


@pytest.mark.parametrize(
    "echo",
    [
        lambda header: Answer(403, {}, errors(header)),
        lambda header: Answer(200, {"Content-Type": header}, b"{}"),
        lambda header: manifest(b"{}", **{"Docker-Content-Digest": f"sha256:{header}"}),
        lambda header: Answer(302, {"Location": "ftp://elsewhere/"}),
    ],
)
def test_a_registry_that_echoes_the_password_is_not_repeated(
    authority: Authority, echo: Callable[[str], Answer], caplog: pytest.LogCaptureFixture
) -> None:
    headers: list[str] = []

    def answer(asked: Asked) -> Answer:
        if "Authorization" not in asked.headers:
            return Answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
        headers.append(asked.headers["Authorization"])
        return echo(asked.headers["Authorization"])

    with (
        serving(answer, authority.server_context()) as host,
        caplog.at_level(logging.DEBUG),
        pytest.raises(RegistryError) as caught,
    ):
        registry_of(host, authority).resolve("app", "x")
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert headers
    assert PASSWORD not in told
    assert headers[0].removeprefix("Basic ") not in told


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (Answer(401), "does not let user u in: 401 Unauthorized"),
        (Answer(403), "does not let user u in: 403 Forbidden"),
        (Answer(503), "says 503 Service Unavailable"),
        (Answer(body=b"<html>"), "as no registry does (JSONDecodeError)"),
        (Answer(body=b"[]"), "as no registry does (AttributeError)"),
        (Answer(body=b"{}"), "as no registry does (KeyError)"),
        (Answer(body=b'{"token": 7}'), "as no registry does (TypeError)"),
        (Answer(body=b'{"token": "two\\nlines"}'), "answered with a token that is none"),
        (Answer(body=b" " * 5_000_000), "answered with more than 4194304 bytes"),
    ],
)
def test_a_token_server_that_fails_is_told(authority: Authority, token: Answer, words: str) -> None:
    context = authority.server_context()
    with serving(always(token), context) as server:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{server}/t",service="s"'}
        registry = always(Answer(401, challenge))
        with serving(registry, context) as host, pytest.raises(RegistryError) as caught:
            registry_of(host, authority).resolve("app", "x")
    assert words in str(caught.value)
    assert f"The registry {host}" in str(caught.value)


def test_access_token_is_taken_before_token(authority: Authority) -> None:
    context = authority.server_context()
    both = Answer(body=b'{"access_token": "a-1", "token": "t-1"}')
    seen: list[str | None] = []
    with serving(always(both), context) as server:

        def answer(asked: Asked) -> Answer:
            seen.append(asked.headers.get("Authorization"))
            return Answer(401, {"WWW-Authenticate": f'Bearer realm="https://{server}/t"'})

        with serving(answer, context) as host, pytest.raises(RegistryError):
            registry_of(host, authority).resolve("app", "x")
    assert seen == [None, "Bearer a-1"]


HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Docker-Content-Digest", "Link", "Location", "WWW-Authenticate"]
    ),
    st.one_of(
        st.sampled_from(
            [OCI_MANIFEST, OCI_INDEX, DIGEST, "Bearer", 'Bearer realm="', "Basic", ","]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    ),
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(DIGEST)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["config", "manifests", "digest", "size", "errors", "code", "tags", "mediaType",
             "annotations", "platform", "Labels", "token"]
        ),
        inner,
    ),
    max_leaves=12,
)  # fmt: skip
ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([200, 200, 200, 201, 204, 301, 307, 401, 403, 404, 429, 500, 999]),
    headers=HEADERS,
    body=st.binary(max_size=50) | JSON.map(lambda content: json.dumps(content).encode()),
) | st.builds(Answer, raw=st.binary(max_size=60) | st.binary(max_size=60).map(b"HTTP/1.1 ".__add__))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answers=st.lists(ANSWERS, min_size=1, max_size=4))
def test_only_our_errors_come_out_of_garbage(answers: list[Answer]) -> None:
    turn = iter(answers)
    with serving(lambda _: next(turn, answers[-1])) as host:
        registry = Registry(host, insecure=True, timeout=2)
        for call in (
            registry.ping,
            lambda: registry.resolve("app", "x"),
            lambda: registry.add_tag("app", DIGEST, "y"),
            lambda: registry.tags("app"),
        ):
            with suppress(RegistryError, TagMissing):
                call()
