"""Builds the shop's images, a pair for each version, and pushes them to a registry.

`python -m examples.shop.build --help` says how to call it; README.md says what the versions are.
The engine's API: https://docs.docker.com/reference/api/engine/; the registry's:
https://github.com/opencontainers/distribution-spec.
"""

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import docker
import httpx

from examples.shop.errors import ShopError
from examples.shop.history import HERE, SERVICES, Version, archive, repository_of, sources

__all__ = ["ShopError", "Version", "build", "download_wheels", "image_name", "sources"]

MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
REQUIREMENTS = HERE / "backend" / "requirements.txt"
PRINT_PYTHON_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"

Say = Callable[[str], None]


def build(
    registry: str,
    python_base: str,
    caddy_base: str,
    work: Path,
    *,
    versions: Sequence[str] | None = None,
    wheels: bool = False,
    say: Say = print,
) -> dict[str, Version]:
    """Build and push <registry>/shop/backend:dev-<sha> and <registry>/shop/frontend:dev-<sha>.

    versions names some of v1 to v4, None means all; they are returned by name. One whose two tags
    are in the registry is left alone: tags are immutable. The bases are images that the engine has
    or can pull. With wheels, this host downloads the requirements and the builds need no network.
    Raises ShopError when git, pip, a build or a push fails, docker.errors.DockerException when the
    engine refuses, httpx.HTTPError when the registry does, ValueError for an unknown version.
    """
    chosen = _chosen(sources(work), versions)
    missing = [version for version in chosen.values() if not _is_pushed(registry, version, say)]
    if missing:
        with _engine() as engine:
            folder = (
                download_wheels(engine, python_base, [REQUIREMENTS], work, say) if wheels else None
            )
            say(
                f"requirements come from {'wheels of this host' if wheels else 'the package index'}"
            )
            bases = {"backend": python_base, "frontend": caddy_base}
            builder = _Builder(engine, registry, bases, repository_of(work), folder, say)
            for version in missing:
                builder.publish(version)
    return chosen


def image_name(registry: str, service: str, version: Version) -> str:
    """The immutable name of a service's image, with its tag."""
    return f"{registry}/shop/{service}:dev-{version.sha}"


def build_request(image: str, version: Version, base: str, wheels: bool) -> dict[str, Any]:
    """The arguments of docker.APIClient.build, all but the context."""
    arguments = {"BASE": base, "REVISION": version.sha}
    if wheels:
        arguments["PIP_ARGS"] = "--no-index --find-links=/wheels"
    return {
        "tag": image,
        "buildargs": arguments,
        "custom_context": True,
        "network_mode": "none" if wheels else None,
        "rm": True,
        "forcerm": True,
        "decode": True,
    }


@dataclass(frozen=True)
class _Builder:
    engine: docker.DockerClient
    registry: str
    bases: Mapping[str, str]
    repository: Path
    wheels: Path | None
    say: Say

    def publish(self, version: Version) -> None:
        for service in SERVICES:
            started = time.monotonic()
            image = image_name(self.registry, service, version)
            self._build(image, service, version)
            built = time.monotonic()
            self._push(image)
            pushed = time.monotonic()
            self.say(
                f"{version.name} {service}: built in {built - started:.1f} s, "
                f"pushed in {pushed - built:.1f} s as {image}"
            )

    def _build(self, image: str, service: str, version: Version) -> None:
        wheels = self.wheels if service == "backend" else None
        context = build_context(archive(self.repository, version.sha, service), wheels)
        request = build_request(image, version, self.bases[service], self.wheels is not None)
        _follow(f"build of {image}", self.engine.api.build(fileobj=context, **request))

    def _push(self, image: str) -> None:
        name, _, tag = image.rpartition(":")
        _follow(f"push of {image}", self.engine.api.push(name, tag=tag, stream=True, decode=True))


def build_context(folder: bytes, wheels: Path | None) -> io.BytesIO:
    """A tar for the builder: what is in the one folder of the tar given, and wheels/ if any."""
    context = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(folder)) as old,
        tarfile.open(fileobj=context, mode="w") as new,
    ):
        for member in old:
            _, _, member.name = member.name.partition("/")
            if member.name:
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
        if wheels is not None:
            new.add(wheels, "wheels")
    context.seek(0)
    return context


def _follow(what: str, events: Iterable[Mapping[str, Any]]) -> None:
    """Read the engine's stream of events to its end.

    Raises ShopError for an error event: a build or push that fails is still answered with 200.
    """
    lines: list[str] = []
    for event in events:
        if "error" in event:
            raise ShopError(what, [*lines, event["error"]])
        text = event.get("stream") or event.get("status") or ""
        lines.extend(line for line in text.splitlines() if line.strip())


@contextmanager
def _engine() -> Iterator[docker.DockerClient]:
    engine = docker.from_env(timeout=600)
    try:
        yield engine
    finally:
        engine.close()


def download_wheels(
    engine: docker.DockerClient, base: str, requirements: Sequence[Path], work: Path, say: Say
) -> Path:
    """The folder with wheels of all requirements for the base's Python; downloaded once.

    Raises ShopError when pip fails.
    """
    printed = engine.containers.run(
        base, ["-c", PRINT_PYTHON_VERSION], entrypoint=["python3"], remove=True
    )
    python = printed.decode().strip()
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in requirements)).hexdigest()
    folder = work / "wheels" / f"python{python}-{digest[:12]}"
    if not folder.exists():
        say(f"downloading wheels for Python {python}")
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        _pip_download(python, requirements, partial)
        partial.rename(folder)
    return folder


def _pip_download(python: str, requirements: Sequence[Path], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    command += ["--python-version", python, "-d", str(folder)]
    command += [part for path in requirements for part in ("-r", str(path))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise ShopError(" ".join(command), done.stderr.splitlines())


def _chosen(made: Sequence[Version], names: Sequence[str] | None) -> dict[str, Version]:
    known = {version.name: version for version in made}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"no such version: {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: known[name] for name in (known if names is None else names)}


def _is_pushed(registry: str, version: Version, say: Say) -> bool:
    pushed = all(_has_image(registry, service, version) for service in SERVICES)
    if pushed:
        say(f"{version.name}: already in {registry} as dev-{version.sha}, nothing to do")
    return pushed


def _has_image(registry: str, service: str, version: Version) -> bool:
    """Raises httpx.HTTPError when the registry answers neither yes nor no."""
    url = f"{registry_url(registry)}/v2/shop/{service}/manifests/dev-{version.sha}"
    response = httpx.head(url, headers={"Accept": ", ".join(MANIFEST_TYPES)})
    if response.status_code == httpx.codes.NOT_FOUND:
        return False
    response.raise_for_status()
    return True


def registry_url(registry: str) -> str:
    """http for a loopback registry, which the engine too takes to be insecure, else https."""
    host = registry.rsplit(":", 1)[0].strip("[]")
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return f"{'http' if loopback else 'https'}://{registry}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.shop.build", description=build.__doc__
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="v1 … v4; all unless given")
    parser.add_argument("--registry", required=True, help="host:port")
    parser.add_argument("--python-base", default="python:3.12-slim")
    parser.add_argument("--caddy-base", default="caddy:2")
    parser.add_argument("--work", type=Path, required=True, help="folder for repository and wheels")
    parser.add_argument("--wheels", action="store_true", help="when builds cannot reach the index")
    given = parser.parse_args()
    try:
        build(
            given.registry,
            given.python_base,
            given.caddy_base,
            given.work,
            versions=given.versions or None,
            wheels=given.wheels,
        )
    except (ShopError, ValueError, docker.errors.DockerException, httpx.HTTPError) as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
