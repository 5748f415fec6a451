"""Images: which are allowed, and what those made here are made from."""

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from examples.stand.debian_images import (
    APP,
    POSTGRES,
    REGISTRY,
    SERVICES,
    build_context,
)
from examples.stand.errors import StandError
from examples.stand.images import PUBLIC, allowed_images, made_images


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [("", [PUBLIC, made_images()]), ("pull", [PUBLIC]), ("make", [made_images()])],
)
def test_images_can_be_forced(
    choice: str, allowed: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IMAGES", choice)
    assert allowed_images() == allowed


def test_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IMAGES", "buy")
    with pytest.raises(StandError, match=r'^STAND_IMAGES should be "pull" or "make", got "buy"$'):
        allowed_images()


def test_root_file_system_is_one_mmdebstrap_command() -> None:
    assert APP.command(Path("/out.tar")) == [
        "mmdebstrap",
        "--variant=apt",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=force-confold",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/info/*",
        "--dpkgopt=path-exclude=/usr/share/lintian/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--include=ca-certificates,netcat-openbsd,python-is-python3,python3,python3-venv",
        "bookworm",
        "/out.tar",
    ]


def test_overlay_is_laid_in_even_from_a_folder_with_a_space() -> None:
    root = replace(SERVICES, overlay=Path("/my files/services"))
    assert "--essential-hook=sync-in '/my files/services' /" in root.command(Path("/out.tar"))


def test_changed_recipe_is_another_image() -> None:
    assert replace(APP, packages=(*APP.packages, "curl")).reference != APP.reference
    changed = replace(SERVICES, excluded=())
    assert replace(POSTGRES, base=changed).reference != POSTGRES.reference
    assert replace(REGISTRY, base=changed).reference != REGISTRY.reference


def test_service_image_is_built_on_the_services() -> None:
    with tarfile.open(fileobj=build_context(POSTGRES)) as archive:
        dockerfile, entry = (archive.extractfile(name) for name in ("Dockerfile", "entry"))
        assert archive.getmember("entry").mode == 0o755
        assert dockerfile is not None
        assert entry is not None
        assert dockerfile.read().decode().startswith(f"FROM {SERVICES.reference}\nCOPY entry ")
        assert entry.read().startswith(b"#!/bin/sh\n")
