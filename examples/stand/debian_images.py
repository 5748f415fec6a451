"""Makes the images from Debian packages, for machines that cannot pull from a registry.

Two root file systems by mmdebstrap, one for applications and their proxy, one for services. Thin
images on them give the registry and PostgreSQL the entry points of the public images, and bring the
Caddy that is public: Debian's is of 2022. Tags name the recipe, so a changed one makes new images.
"""

import hashlib
import io
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import docker

from examples.stand.debian import ensure_debian_packages
from examples.stand.errors import StandError
from examples.stand.state import Say, State, last_lines

SUITE = "bookworm"
FILES = Path(__file__).parent / "image_files"
DOCUMENTATION = tuple(
    f"/usr/share/{folder}/*" for folder in ("doc", "info", "lintian", "locale", "man")
)
# PostgreSQL compiles no queries where these are missing, and loses 150 MB.
QUERY_COMPILER = (
    "/usr/lib/*/libLLVM*",
    "/usr/lib/*/libz3*",
    "/usr/lib/postgresql/*/lib/llvmjit*",
    "/usr/lib/postgresql/*/lib/bitcode/*",
)


@dataclass(frozen=True)
class RootFileSystem:
    """An image out of Debian packages; `overlay` is laid in before they are configured."""

    name: str
    packages: tuple[str, ...]
    excluded: tuple[str, ...]
    overlay: Path | None = None

    @property
    def reference(self) -> str:
        return f"fairlead-stand/{self.name}:{self.tag}"

    @property
    def tag(self) -> str:
        laid_in = [file.read_text() for file in overlay_files(self.overlay)]
        recipe = repr((SUITE, self.packages, self.excluded, laid_in))
        return hashlib.sha256(recipe.encode()).hexdigest()[:12]

    def command(self, output: Path) -> list[str]:
        overlay = [f"--essential-hook=sync-in {shlex.quote(str(self.overlay))} /"]
        return [
            "mmdebstrap",
            "--variant=apt",
            "--dpkgopt=force-unsafe-io",
            "--dpkgopt=force-confold",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in self.excluded),
            *(overlay if self.overlay else []),
            f"--include={','.join(self.packages)}",
            SUITE,
            str(output),
        ]


@dataclass(frozen=True)
class ServiceImage:
    """A thin image on one of them; `dockerfile` starts after its FROM line, and copies programs
    from `programs`, each by its name there."""

    name: str
    base: RootFileSystem
    dockerfile: str
    programs: Mapping[str, Path] = field(default_factory=dict)

    @cached_property
    def reference(self) -> str:
        contents = {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in self.programs.items()
        }
        recipe = hashlib.sha256(repr((self.base.tag, self.dockerfile, contents)).encode())
        return f"fairlead-stand/{self.name}:{recipe.hexdigest()[:12]}"


APP = RootFileSystem(
    name="app",
    packages=(
        "ca-certificates",
        "netcat-openbsd",
        "python-is-python3",
        "python3",
        "python3-venv",
    ),
    excluded=DOCUMENTATION,
)
SERVICES = RootFileSystem(
    name="services",
    packages=("docker-registry", "postgresql-15"),
    excluded=DOCUMENTATION + QUERY_COMPILER,
    overlay=FILES / "services",
)
CADDY = ServiceImage(
    name="caddy",
    base=APP,
    dockerfile="COPY caddy /usr/bin/caddy\n",
    programs={"caddy": Path(sys.executable).with_name("caddy")},
)
REGISTRY = ServiceImage(
    name="registry",
    base=SERVICES,
    dockerfile="""\
VOLUME /var/lib/registry
ENTRYPOINT ["docker-registry"]
""",
)
POSTGRES = ServiceImage(
    name="postgres",
    base=SERVICES,
    dockerfile="""\
COPY entry /usr/local/bin/postgres-entry
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["postgres-entry"]
STOPSIGNAL SIGINT
""",
    programs={"entry": FILES / "postgres-entry"},
)


def overlay_files(overlay: Path | None) -> list[Path]:
    return sorted(path for path in overlay.rglob("*") if path.is_file()) if overlay else []


def make_all(client: docker.DockerClient, say: Say) -> None:
    """Makes and imports the images; about a minute on two cores, both at once."""
    if os.geteuid() != 0:
        raise StandError("making images from Debian packages needs root; run this with sudo")
    ensure_debian_packages(["mmdebstrap", "debian-archive-keyring"], say)
    say("Making images from Debian packages instead; this takes a minute or two, once")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda root: make_root(client, root), (APP, SERVICES)))
    for service in (CADDY, REGISTRY, POSTGRES):
        build_service(client, service)
    say("Made the images from Debian packages")


def make_root(client: docker.DockerClient, root: RootFileSystem) -> None:
    with tempfile.TemporaryDirectory(prefix="stand-") as folder:
        archive = Path(folder) / "root.tar"
        bootstrap(root, archive)
        repository, tag = root.reference.split(":")
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag)


def bootstrap(root: RootFileSystem, archive: Path) -> None:
    log = State.from_environment().log(f"image-{root.name}")
    with log.open("w") as file:
        code = subprocess.call(root.command(archive), stdout=file, stderr=file)
    if code != 0:
        raise StandError(
            f"mmdebstrap could not make {root.reference}; its last lines:\n{last_lines(log)}"
        )


def build_service(client: docker.DockerClient, service: ServiceImage) -> None:
    context = build_context(service)
    client.images.build(fileobj=context, custom_context=True, tag=service.reference, rm=True)


def build_context(service: ServiceImage) -> io.BytesIO:
    files = {"Dockerfile": f"FROM {service.base.reference}\n{service.dockerfile}".encode()}
    files |= {name: path.read_bytes() for name, path in service.programs.items()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return buffer
