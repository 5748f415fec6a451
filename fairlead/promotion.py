"""Promotion: an environment takes what runs in another one, and nothing else."""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime

from fairlead.config import Config
from fairlead.engine.outside import check
from fairlead.errors import FairleadError, HostUnreachable, PromotionRefused
from fairlead.model import Image, Release, Request, digests
from fairlead.policy import frozen_until
from fairlead.project import Project


def check_promotion(config: Config, source: str, target: str) -> None:
    """Raises UnknownEnvironment, PromotionRefused unless `target` promotes from `source`."""
    config.environment(source)
    allowed = config.environment(target).promotes_from
    if allowed != source:
        why = (
            f'{target} promotes from "{allowed}"' if allowed else f"{target} promotes from nothing"
        )
        raise PromotionRefused(source, target, f"{why} (environments.{target}.promotes_from)")


def promoted(project: Project, source: str, target: str) -> Release:
    """What runs in `source`, of which `target` may have the same.

    Raises UnknownEnvironment, PromotionRefused.
    """
    check_promotion(project.config, source, target)
    running = project.store.releases.current(project.config.project, source)
    if running is None:
        raise PromotionRefused(source, target, f"nothing was ever released to {source}")
    return running


def soaked(project: Project, target: str, now: datetime) -> Release | None:
    """What is to be promoted to `target` by itself now: what has run in its source for
    `promote_after`, whose containers and pages are well, of which `watch_drift` has found nothing
    wrong, and which was not promoted before.

    A promotion that failed or was refused is not tried again by itself; a freeze window, and a
    check of GitHub's that still runs, are waited for. Raises HostUnreachable.
    """
    settings, releases = project.config.environment(target), project.store.releases
    source, wanted, name = settings.promotes_from, settings.promote_after, project.config.project
    running = releases.current(name, source) if source and wanted else None
    if running is None or running.ended_at is None or wanted is None:
        return None
    too_early = (now - running.ended_at).total_seconds() < wanted
    frozen = frozen_until(settings.freeze, project.config.time_zone, now)
    if too_early or frozen or releases.tried_since(name, target, running.sha, running.started_at):
        return None
    where = (name, running.environment)
    left = releases.unfinished(*where) or releases.not_put_back(*where)
    wrong = any(one.drift.is_fault for one in project.store.drifts.open(*where))
    return None if left or wrong or not_well(project, running) else running


def check_source(
    project: Project, asked: Release | Request, source: str, images: Mapping[str, Image]
) -> None:
    """`source` runs exactly these images, and they are well there now.

    Raises PromotionRefused, HostUnreachable.
    """
    running = promoted(project, source, asked.environment)
    there = project.store.ledger.images(running.id)
    if running.sha != asked.sha:
        why = f"{source} runs {running.sha[:7]}, not {asked.sha[:7]}"
    elif digests(there) != digests(images.values()):
        why = f"{source} runs other images than those of its tags"
    else:
        why = not_well(project, running)
    if why:
        raise PromotionRefused(source, asked.environment, why)


def not_well(project: Project, running: Release) -> str:
    """Why what was released there is not well now; empty when it is."""
    target = project.target_of(running)
    with project.open_sites(target.config, running.environment) as sites:
        try:
            for site in sites:
                if not site.runs(target):
                    return f"{running.environment} does not run it on {site.host} any more"
                with closing(project.outside(target.settings, site)) as outside:
                    for smoke in target.config.smoke:
                        check(outside, smoke)
        except HostUnreachable:
            raise
        except FairleadError as error:
            return f"{running.environment} is not well: {error.summary}"
    return ""
