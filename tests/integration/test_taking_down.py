"""What `make demo-down` does with the base images, on images of the test's own."""

import io
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from examples.stand.down import remove_bases
from examples.stand.state import REPOSITORY

STAGED = """\
FROM {base} AS venv
{label}
COPY file /left-in-the-stage
FROM {base}
COPY --from=venv /left-in-the-stage /copied
"""
LABEL = "LABEL fairlead.example=shop"


@pytest.fixture
def base(engine: docker.DockerClient) -> Iterator[str]:
    """An image without anything in it, and whatever is built on it, taken away again."""
    name = f"fairlead-test-base-{uuid.uuid4().hex[:8]}"
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    engine.api.import_image_from_data(empty.getvalue(), repository=name, tag="1")
    yield f"{name}:1"
    for image in (f"{name}-built:1", f"{name}:1"):
        try:
            engine.images.remove(image, force=True)
        except ImageNotFound:
            continue


def build(engine: docker.DockerClient, base: str, label: str) -> str:
    name = f"{base.removesuffix(':1')}-built:1"
    content = {"Dockerfile": STAGED.format(base=base, label=label), "file": str(uuid.uuid4())}
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path, text in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=name, rm=True)
    return name


def test_stage_that_a_build_of_the_shop_left_goes_with_its_base(
    engine: docker.DockerClient, base: str
) -> None:
    dockerfile = Path(REPOSITORY / "examples/shop/backend/Dockerfile").read_text()
    assert LABEL in dockerfile.partition("RUN")[0]
    engine.images.remove(build(engine, base, LABEL))
    assert remove_bases(engine, base.replace(":1", ":*")) == []
    assert engine.images.list(base) == []


def test_base_that_somebody_else_built_on_stays_and_is_told(
    engine: docker.DockerClient, base: str
) -> None:
    built = build(engine, base, LABEL)
    assert remove_bases(engine, base.replace(":1", ":*")) == [base]
    assert engine.images.get(built)
    assert engine.images.get(base)
