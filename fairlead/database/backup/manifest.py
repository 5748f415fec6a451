"""The list of a dump's files, each with size and SHA-256, and what was saved."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NAME = "manifest.json"
DUMP = "dump"  # the folder beside it
THREADS = 4  # hashing leaves the interpreter to others
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`about` is who, when, for which release; `source` the database and its server; `holds` how
    many tables, sequences, constraints and indexes there are; `rows` by table, where they were
    counted."""

    about: Mapping[str, Any]
    source: Mapping[str, Any]
    holds: Mapping[str, int]
    rows: Mapping[str, int] | None
    files: Mapping[str, File]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files.values())

    def text(self) -> str:
        return json.dumps({"format": 1, **asdict(self)}, indent=1, sort_keys=True, default=str)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> Manifest:
    """Raises ValueError, KeyError, TypeError for what is none of ours."""
    raw = json.loads(text)
    files = {str(name): File(**file) for name, file in raw["files"].items()}
    return Manifest(raw["about"], raw["source"], raw["holds"], raw["rows"], files)


def files_of(folder: Path) -> dict[str, File]:
    """Every file of the dump in `folder`, by its name there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda path: File(path.stat().st_size, sha256(path)), paths)
        return {
            str(path.relative_to(folder)): file for path, file in zip(paths, found, strict=True)
        }


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(wanted: Mapping[str, File], found: Mapping[str, File]) -> Iterator[str]:
    """What is wrong with the files, a line each; pure."""
    for name in sorted({*wanted, *found}):
        file, has = wanted.get(name), found.get(name)
        if has is None:
            yield f"the file {name} is missing"
        elif file is None:
            yield f"the file {name} does not belong to it"
        elif has.bytes != file.bytes:
            yield f"the file {name} has {has.bytes} bytes, not {file.bytes}"
        elif has.sha256 != file.sha256:
            yield f"the file {name} was changed: its SHA-256 is another one"


def write_durably(path: Path, text: str) -> None:
    """On the disk when this returns (fsync(2): the file, and the folder that names it)."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
