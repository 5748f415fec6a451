"""An environment with certificates of the proxy's own authority."""

import ssl
from typing import Any

import httpx

from fairlead.model import ReleaseState
from tests.bench.bench import Bench, free_port


def test_release_behind_tls_is_checked_with_the_proxys_own_authority(bench: Bench) -> None:
    port = free_port()
    bench.configure(environments={"dev": {"tls": "internal", "https_port": port}})
    for version in ("v1", "v2"):
        release = bench.release(bench.push(version))
        assert (release.state, release.error) == (ReleaseState.SUCCEEDED, None)
    assert release.requests_lost == 0
    name = f"{bench.project}.localhost"
    with httpx.Client(verify=_authority(bench), trust_env=False) as client:
        url = f"https://127.0.0.1:{port}/"
        answer = client.get(url, headers={"Host": name}, extensions={"sni_hostname": name})
    assert answer.text == "v2"


def _authority(bench: Bench) -> ssl.SSLContext:
    """What a person who trusts this proxy would have installed."""
    proxy = bench.engine.containers.get(f"{bench.project}-dev-proxy")
    path = "/data/caddy/pki/authorities/local/root.crt"
    certificate: Any = proxy.exec_run(["cat", path]).output
    return ssl.create_default_context(cadata=certificate.decode())
