"""Proving a build: its checks, the rule of which tag a release takes, and whether it may; and the
tags that say what was proven."""

from contextlib import closing

from fairlead.config import Config
from fairlead.errors import ChecksNotPassed, RevisionMismatch, TagMoved
from fairlead.github.checks import judge
from fairlead.model import Image, Release, Request
from fairlead.project import Project
from fairlead.promotion import check_source, promoted


def passed_checks(project: Project, config: Config, asked: Release | Request) -> list[str]:
    """What GitHub says of each check that the environment requires; all of them have passed.

    Raises ChecksNotPassed, GitHubError, SecretMissing.
    """
    required = config.environment(asked.environment).require_checks
    if not required:
        return []
    with closing(project.github()) as github:
        verdicts = judge(required, github.checks(asked.sha))
    problems = [verdict.words for verdict in verdicts if not verdict.passed]
    if problems:
        failing = any(verdict.failing for verdict in verdicts)
        where = (asked.environment, asked.sha, github.repository)
        raise ChecksNotPassed(*where, problems, failing=failing)
    return [verdict.words for verdict in verdicts]


def checks_run(project: Project, config: Config, asked: Release | Request) -> bool:
    """Whether a check that the environment requires may still pass: none has failed, and not all
    have passed. Raises GitHubError, SecretMissing."""
    try:
        passed_checks(project, config, asked)
    except ChecksNotPassed as error:
        return not error.failing
    return False


def verified_images(
    project: Project, config: Config, asked: Release | Request, *, enter: bool = True
) -> dict[str, Image]:
    """The image of each service at `<environment>-<sha>`, or at the source environment's tag, when
    that is what runs there now, and well.

    With `enter` a tag that is seen for the first time goes into the ledger.

    Raises PromotionRefused, HostUnreachable (of the source), TagMissing, TagMoved (the ledger
    knows another digest), RevisionMismatch (the label org.opencontainers.image.revision names
    another commit), RegistryError.
    """
    if asked.source:
        promoted(project, asked.source, asked.environment)
    registry = project.registry(config)
    tag = f"{asked.source or asked.environment}-{asked.sha}"
    images = {}
    for name, service in config.services.items():
        found = registry.resolve(service.image, tag)
        repository = config.image_repository(name)
        image = Image(name, repository, tag, found.digest, found.revision, found.built_at)
        if image.revision not in (None, asked.sha):
            raise RevisionMismatch(f"{image.repository}:{tag}", str(image.revision), asked.sha)
        images[name] = image
    for image in images.values():
        ledger, place = project.store.ledger, (image.repository, image.tag)
        recorded = ledger.enter(*place, image.digest) if enter else ledger.digest(*place)
        if recorded not in (None, image.digest):
            raise TagMoved(image.repository, image.tag, str(recorded), image.digest)
    if asked.source:
        check_source(project, asked, asked.source, images)
    return images


def move_tags(project: Project, config: Config, release: Release) -> None:
    """`<env>-latest` moves to what the release runs, and a promoted digest gets `<env>-<sha>`.

    Raises RegistryError, TagMissing when the registry has lost the digest.
    """
    registry, environment = project.registry(config), release.environment
    for image in project.store.ledger.images(release.id):
        path = config.services[image.service].image
        own = f"{environment}-{release.sha}"
        if image.tag != own:
            registry.add_tag(path, image.digest, own)
            project.store.ledger.enter(image.repository, own, image.digest)
        registry.add_tag(path, image.digest, f"{environment}-latest")
