"""Looking before leaping: every connection the config names, and what a release would do."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from fairlead.config import Config, Host, Slack
from fairlead.database.reach import check_database
from fairlead.engine.connect import connect
from fairlead.errors import FairleadError
from fairlead.model import Image, Request, digests
from fairlead.policy import frozen_until
from fairlead.previewing import asks_image, check_preview
from fairlead.project import Project
from fairlead.proving import passed_checks, verified_images
from fairlead.refresh.looking import check_refresh
from fairlead.saving import check_backup
from fairlead.store.database import address


@dataclass(frozen=True, slots=True)
class Finding:
    """One connection that was tried: `problem` is None when it is good."""

    what: str
    found: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would do: `unchanged` when the environment runs these digests already,
    `frozen` until when it would be refused."""

    environment: str
    sha: str
    replaces: str | None
    images: tuple[Image, ...]
    unchanged: bool
    frozen: datetime | None

    def lines(self) -> Iterator[str]:
        yield f"{self.environment}: {self.replaces or 'nothing'} → {self.sha}"
        for image in self.images:
            yield f"  {image.service}: {image.reference} (from {image.tag})"
        if self.frozen:
            yield f"  It would be refused: frozen until {self.frozen:%a %Y-%m-%d %H:%M %Z}."
        yield (
            "  It runs already: nothing would be done."
            if self.unchanged
            else ("  The build is proven. Nothing was changed; leave --dry-run away to release it.")
        )


def check_environment(project: Project, environment: str) -> Iterator[Finding]:
    """Try everything the environment needs, read-only; each finding as it is made."""
    config = project.config
    settings = config.environment(environment)
    yield _tried("secrets", lambda: _secrets(project, config, environment))
    for host in settings.hosts:
        yield _tried(f"host {host.name}", lambda host=host: _engine(host))  # type: ignore[misc]
    database = settings.database
    if database is not None:
        reached = _tried(
            "database",
            lambda: check_database(
                environment,
                database,
                project.secrets.resolve(database.direct_url or database.url),
            ),
        )
        yield reached
        if reached.problem is None:
            yield _tried("backup", partial(check_backup, project, environment))
            if settings.refresh is not None:
                yield _tried("refresh", partial(check_refresh, project, environment))
            if asks_image(config):
                yield _tried("preview", partial(check_preview, project, environment))
    for slack in settings.notify.slack:
        yield _tried(f"slack {slack.channel}", partial(_answers, project, slack))


def _answers(project: Project, slack: Slack) -> str:
    return project.slack(slack).check()


def check_shared(project: Project) -> Iterator[Finding]:
    """What all environments share: the store and the registry."""
    yield _tried("store", lambda: address(project.store.conninfo))
    yield _tried(f"registry {project.config.registry.host}", lambda: _registry(project))
    github = project.config.github
    if github is not None and github.token is not None:
        yield _tried("github", lambda: _github(project))
    if project.config.dispatch is not None:
        yield _tried("dispatch", lambda: _dispatch(project))


def plan(project: Project, request: Request) -> Plan:
    """Prove the build and compare it with what runs; nothing is written.

    Raises UnknownEnvironment and what verifying raises.
    """
    config = project.config
    passed_checks(project, config, request)
    images = verified_images(project, config, request, enter=False)
    current = project.store.releases.current(config.project, request.environment)
    same = False
    if current is not None:
        same_config = current.config_digest == config.digest(request.environment)
        running = project.store.ledger.images(current.id)
        same = same_config and digests(running) == digests(images.values())
    return Plan(
        request.environment,
        request.sha,
        current.sha if current else None,
        tuple(images.values()),
        same,
        frozen_until(
            config.environment(request.environment).freeze, config.time_zone, datetime.now(UTC)
        ),
    )


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(what, attempt(), None)
    except FairleadError as error:
        return Finding(what, "", str(error))


def _secrets(project: Project, config: Config, environment: str) -> str:
    names = sorted(project.know_secrets(config, environment))
    return ", ".join(names) or "none is needed"


def _engine(host: Host) -> str:
    client = connect(host, timeout=10)
    try:
        return f"Docker {client.version()['Version']}"
    finally:
        client.close()


def _registry(project: Project) -> str:
    project.registry(project.config).ping()
    return "answers"


def _github(project: Project) -> str:
    with closing(project.github()) as github:
        return github.check()


def _dispatch(project: Project) -> str:
    rules, secrets = project.config.dispatch, project.dispatch_secrets()
    assert rules is not None
    places = ", ".join(rules.environments) or "nothing"
    found = f"{len(secrets)} secret{'s' * (len(secrets) > 1)}; GitHub may start {places}"
    branches = any(project.config.environments[name].branch for name in rules.environments)
    if branches and project.config.github is None:
        found += ", and no workflow does: that wants [github] repository"
    return found
