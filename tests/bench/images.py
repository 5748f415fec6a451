"""Images of the bench's application: one base, and a version is an empty layer of settings."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from examples.shop.build import download_wheels

APP = Path(__file__).parent / "app.py"


def base_image(engine: docker.DockerClient, python: str) -> str:
    """Built once for this app.py and this base."""
    digest = hashlib.sha256(APP.read_bytes() + python.encode()).hexdigest()[:12]
    name = f"fairlead-test/app:{digest}"
    try:
        engine.images.get(name)
    except ImageNotFound:
        dockerfile = f'FROM {python}\nCOPY app.py /app.py\nENTRYPOINT ["python3", "/app.py"]\n'
        build_image(engine, name, {"Dockerfile": dockerfile.encode(), "app.py": APP.read_bytes()})
    return name


def python_with_wheels(
    engine: docker.DockerClient, python: str, requirements: Sequence[Path], work: Path
) -> str:
    """An image like python:3.12-slim, whose pip finds what is required without a network."""
    wheels = download_wheels(engine, python, requirements, work, print)
    name = f"fairlead-test/{wheels.name}:{hashlib.sha256(python.encode()).hexdigest()[:12]}"
    lines = [
        f"FROM {python}",
        "COPY wheels /wheels",
        "RUN python3 -m venv /venv",
        "ENV PATH=/venv/bin:$PATH PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels",
    ]
    files = {f"wheels/{path.name}": path.read_bytes() for path in wheels.iterdir()}
    build_image(engine, name, {"Dockerfile": "\n".join(lines).encode(), **files})
    return name


def push_version(
    engine: docker.DockerClient, base: str, image: str, *, settings: dict[str, str], sha: str | None
) -> None:
    """Build `image` with `settings` as environment and `sha` as its revision, and push it."""
    lines = [f"FROM {base}", *(f"ENV {name}={value}" for name, value in settings.items())]
    if sha:
        lines.append(f"LABEL org.opencontainers.image.revision={sha}")
    build_image(engine, image, {"Dockerfile": "\n".join(lines).encode()})
    push(engine, image, image)


def push(
    engine: docker.DockerClient, image: str, name: str, login: dict[str, str] | None = None
) -> str:
    """Push `image` under a whole `name`, which is returned."""
    engine.images.get(image).tag(name)
    for event in engine.api.push(name, auth_config=login, stream=True, decode=True):
        assert "error" not in event, event
    return name


def build_image(engine: docker.DockerClient, name: str, files: dict[str, bytes]) -> None:
    """Of files by their path; a Dockerfile is among them."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    context.seek(0)
    for event in engine.api.build(
        fileobj=context, custom_context=True, tag=name, rm=True, decode=True
    ):
        assert "error" not in event, event
