import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from examples.shop.build import (
    ShopError,
    Version,
    build,
    build_context,
    build_request,
    image_name,
    registry_url,
    sources,
)
from examples.shop.build import _follow as follow
from examples.shop.history import HERE, archive, repository_of

VERSION = Version("v1", "a" * 40, "Sell products to tenants")


def show(work: Path, revision: str, path: str) -> bytes:
    command = ["git", "show", f"{revision}:{path}"]
    return subprocess.run(command, cwd=repository_of(work), check=True, capture_output=True).stdout


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_equal_content_gives_equal_shas(tmp_path: Path) -> None:
    first, second = sources(tmp_path / "one"), sources(tmp_path / "two")
    assert first == second == sources(tmp_path / "one")
    assert [version.name for version in first] == ["v1", "v2", "v3", "v4"]
    assert all(re.fullmatch("[0-9a-f]{40}", version.sha) for version in first)


def test_every_overlay_is_in_its_commit(tmp_path: Path) -> None:
    sources(tmp_path)
    for version in ("v2", "v3", "v4"):
        overlay = HERE / "versions" / version
        files = [p for p in overlay.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        for path in files:
            committed = show(tmp_path, version, path.relative_to(overlay).as_posix())
            assert committed == path.read_bytes(), f"{version}: {path}"


def test_environment_of_a_git_hook_does_not_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sources(tmp_path / "one")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    assert sources(tmp_path / "two") == expected


def test_context_holds_the_services_folder_at_its_root_and_the_wheels(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"wheel")
    folder = tar_of({"backend/Dockerfile": b"FROM x", "backend/src/manage.py": b"pass"})
    with tarfile.open(fileobj=build_context(folder, tmp_path)) as context:
        names = [member.name for member in context if member.isfile()]
    assert names == ["Dockerfile", "src/manage.py", "wheels/a.whl"]


def test_context_of_a_commit_has_its_dockerfile(tmp_path: Path) -> None:
    v1 = sources(tmp_path)[0]
    context = build_context(archive(repository_of(tmp_path), v1.sha, "frontend"), None)
    with tarfile.open(fileobj=context) as tar:
        assert {"Dockerfile", "Caddyfile", "site/index.html"} <= set(tar.getnames())


def test_build_with_wheels_needs_no_network() -> None:
    image = image_name("localhost:5000", "backend", VERSION)
    assert build_request(image, VERSION, "python:3.12-slim", wheels=True) == {
        "tag": "localhost:5000/shop/backend:dev-" + "a" * 40,
        "buildargs": {
            "BASE": "python:3.12-slim",
            "REVISION": "a" * 40,
            "PIP_ARGS": "--no-index --find-links=/wheels",
        },
        "custom_context": True,
        "network_mode": "none",
        "rm": True,
        "forcerm": True,
        "decode": True,
    }


@pytest.mark.parametrize(
    ("registry", "url"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("registry.example.org", "https://registry.example.org"),
        ("10.0.0.7:5000", "https://10.0.0.7:5000"),
    ],
)
def test_only_a_loopback_registry_is_spoken_to_in_clear(registry: str, url: str) -> None:
    assert registry_url(registry) == url


def test_error_inside_the_stream_is_raised_with_the_last_lines() -> None:
    events = [{"stream": "Step 1\n"}, {"status": "Preparing"}, {"error": "denied"}]
    with pytest.raises(ShopError) as raised:
        follow("push of x", events)
    assert str(raised.value) == "push of x failed:\nStep 1\nPreparing\ndenied"


def test_unknown_version_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such version: v9; there are v1, v2, v3, v4"):
        build("localhost:1", "python", "caddy", tmp_path, versions=["v9"])
