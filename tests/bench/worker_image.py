"""The image of deployments/worker, built once for what it is made from."""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import docker
from docker.utils.build import exclude_paths

from examples.stand.debian import ensure_debian_packages
from examples.stand.debian_images import (
    DOCUMENTATION,
    RootFileSystem,
    ServiceImage,
    build_service,
    make_root,
)
from examples.stand.images import Images, is_present
from examples.stand.state import REPOSITORY, machine_lock

DOCKERFILE = "deployments/worker/Dockerfile"
PUBLIC_BASE = "python:3.11-slim"
# Redis as well: what the compose file runs beside the image's own is made in one go.
MADE_BASE = RootFileSystem(
    name="deployed",
    packages=("ca-certificates", "openssh-client", "python3", "python3-venv", "redis-server"),
    excluded=DOCUMENTATION,
)
# As the public image of Redis: its user owns the folder of its data.
MADE_REDIS = ServiceImage(
    name="redis",
    base=MADE_BASE,
    dockerfile="RUN install -d -o redis -g redis /data\nVOLUME /data\n",
)
PUBLIC_REDIS = "redis:7"


def worker_image(engine: docker.DockerClient, images: Images) -> str:
    """Its name. From the public base where that can be pulled, which brings the packages of the
    index by itself; else from a base and wheels that this machine makes."""
    with machine_lock("fairlead-test-worker"):
        base = made_base(engine) if images.made_here else PUBLIC_BASE
        digest = digest_of(base, files_of_the_image())
        name = f"fairlead-test/worker:{digest}"
        if not is_present(engine, name):
            build(engine, name, base, made_wheels() if images.made_here else None)
    return name


def made_base(engine: docker.DockerClient) -> str:
    if not is_present(engine, MADE_BASE.reference):
        ensure_debian_packages(["mmdebstrap", "debian-archive-keyring"], print)
        make_root(engine, MADE_BASE)
    return MADE_BASE.reference


def redis_image(engine: docker.DockerClient, images: Images) -> str:
    if not images.made_here:
        return PUBLIC_REDIS  # compose pulls it
    with machine_lock("fairlead-test-worker"):
        made_base(engine)
        if not is_present(engine, MADE_REDIS.reference):
            build_service(engine, MADE_REDIS)
    return MADE_REDIS.reference


def build(engine: docker.DockerClient, name: str, base: str, wheels: Path | None) -> None:
    arguments = {"BASE": base}
    if wheels:
        arguments["PIP_ARGS"] = "--no-index --find-links=/src"
    events = engine.api.build(
        fileobj=build_context(wheels),
        custom_context=True,
        dockerfile=DOCKERFILE,
        buildargs=arguments,
        network_mode="none" if wheels else None,
        tag=name,
        rm=True,
        forcerm=True,
        decode=True,
    )
    said = [str(event.get("stream") or event.get("error") or "") for event in events]
    assert is_present(engine, name), "".join(said)[-4000:]


def files_of_the_image() -> list[Path]:
    """What .dockerignore lets into the build, relative to the repository."""
    rules = (REPOSITORY / ".dockerignore").read_text().splitlines()
    patterns = [line for line in rules if line and not line.startswith("#")]
    found = map(Path, exclude_paths(str(REPOSITORY), patterns, DOCKERFILE))
    return sorted(path for path in found if (REPOSITORY / path).is_file())


def digest_of(base: str, files: Sequence[Path]) -> str:
    contents = [(str(path), (REPOSITORY / path).read_bytes()) for path in files]
    return hashlib.sha256(repr((base, contents)).encode()).hexdigest()[:12]


def build_context(wheels: Path | None) -> io.BytesIO:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path in files_of_the_image():
            tar.add(REPOSITORY / path, str(path))
        if wheels:
            tar.add(wheels, "wheels")
    context.seek(0)
    return context


def made_wheels() -> Path:
    """Wheels of everything in the image, for this Python's minor version, which is Debian's; made
    once for the requirements."""
    requirements = compiled_requirements()
    digest = hashlib.sha256(requirements.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"fairlead-wheels-{digest}"
    if not folder.exists():
        partial = folder.with_suffix(f".{digest}.partial")
        partial.mkdir(exist_ok=True)
        listed = partial / "requirements.txt"
        listed.write_text(requirements)
        pip("wheel", "--no-deps", "--wheel-dir", str(partial), "--requirement", str(listed))
        constraints = str(REPOSITORY / "constraints.txt")
        pip("wheel", "--wheel-dir", str(partial), "--constraint", constraints, "uv", "hatchling")
        partial.rename(folder)
    return folder


def compiled_requirements() -> str:
    """For the oldest 3.11, which needs what newer ones have themselves: Debian's is 3.11.2."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header"]
    command += ["--no-annotate", "--extra", "redis", "--extra", "s3"]
    command += ["--constraint", "constraints.txt", "--python-version", "3.11"]
    return subprocess.run(
        [*command, "pyproject.toml"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
