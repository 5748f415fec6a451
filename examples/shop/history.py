"""The shop's four versions as commits of a git repository, so that each has a true SHA."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from examples.shop.errors import ShopError

HERE = Path(__file__).parent
SERVICES = ("backend", "frontend")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True)
class Version:
    """One commit of the shop: its name ("v1"), its 40-hex SHA, and the commit's message."""

    name: str
    sha: str
    message: str


@dataclass(frozen=True)
class Recipe:
    """How a version is made: the overlays over the base tree, then a commit after its parent's."""

    name: str
    overlays: tuple[str, ...]
    parent: str | None
    date: str
    message: str


RECIPES = (
    Recipe("v1", (), None, "2025-01-06T09:00:00Z", "Sell products to tenants"),
    Recipe("v2", ("v2",), "v1", "2025-01-13T09:00:00Z", "Show SKU and supplier of a product"),
    Recipe("v3", ("v2", "v3"), "v2", "2025-01-20T09:00:00Z", "Show the country of a supplier"),
    Recipe("v4", ("v2", "v4"), "v2", "2025-01-27T09:00:00Z", "Allow one customer per address"),
)


def repository_of(work: Path) -> Path:
    return work / "repository"


def sources(work: Path) -> list[Version]:
    """Make the git repository work/repository anew, with one tagged commit per version.

    v1 is the root, v2 its child, v3 and v4 are children of v2. Author and dates are fixed and no
    configuration outside the repository is read, so equal content gives equal SHAs.
    Raises ShopError when git fails.
    """
    repository = repository_of(work)
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    _git(repository, "init", "--quiet")
    made: dict[str, Version] = {}
    for recipe in RECIPES:
        made[recipe.name] = _commit(repository, recipe, made)
    return list(made.values())


def archive(repository: Path, sha: str, service: str) -> bytes:
    """The folder of one service at one commit, as a tar. Raises ShopError when git fails."""
    return _git(repository, "-c", "tar.umask=022", "archive", "--format=tar", sha, service)


def _commit(repository: Path, recipe: Recipe, made: Mapping[str, Version]) -> Version:
    _lay_out(repository, recipe)
    # An index that remembers the last version takes a file of the same size, written within the
    # same second, for unchanged: https://git-scm.com/docs/racy-git
    _git(repository, "read-tree", "--empty")
    _git(repository, "add", "--all")
    tree = _git(repository, "write-tree").decode().strip()
    parents = ["-p", made[recipe.parent].sha] if recipe.parent else []
    sha = _git(
        repository, "commit-tree", tree, *parents, "-m", recipe.message, date=recipe.date
    ).decode()
    version = Version(recipe.name, sha.strip(), recipe.message)
    _git(repository, "tag", version.name, version.sha)
    return version


def _lay_out(repository: Path, recipe: Recipe) -> None:
    """Fill the working tree with the base's services and the recipe's overlays, in order."""
    for service in SERVICES:
        shutil.rmtree(repository / service, ignore_errors=True)
        shutil.copytree(HERE / service, repository / service, ignore=IGNORED)
    for overlay in recipe.overlays:
        shutil.copytree(HERE / "versions" / overlay, repository, ignore=IGNORED, dirs_exist_ok=True)


def _git(repository: Path, *arguments: str, date: str = "") -> bytes:
    command = ["git", *arguments]
    done = subprocess.run(
        command, check=False, cwd=repository, env=_git_environment(date), capture_output=True
    )
    if done.returncode != 0:
        raise ShopError(" ".join(command), done.stderr.decode(errors="replace").splitlines())
    return done.stdout


def _git_environment(date: str) -> dict[str, str]:
    """Without the caller's GIT_… variables, which could name another repository, as in a hook."""
    own = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Shop",
        "GIT_AUTHOR_EMAIL": "shop@example.org",
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": "Shop",
        "GIT_COMMITTER_EMAIL": "shop@example.org",
        "GIT_COMMITTER_DATE": date,
    }
    return {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | own
