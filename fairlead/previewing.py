"""Looking ahead at the migrations of a release, in it or before there is one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fairlead.config import Config, Host
from fairlead.database.asking import Asked, ask
from fairlead.database.preview.clone import NoClone, check_may_make
from fairlead.database.preview.judge import Finding, digest, headline, unsafe
from fairlead.database.preview.look import Container, look_ahead, programs_to_copy
from fairlead.database.preview.plan import Plan
from fairlead.engine.site import Site
from fairlead.engine.target import PREVIEW, Target
from fairlead.errors import CannotPreview, MigrationsUnsafe
from fairlead.model import KeptPreview, Request
from fairlead.pending import count_words, in_words
from fairlead.project import Project
from fairlead.proving import verified_images
from fairlead.run import Run, StepLog
from fairlead.saving import same_name

NOTHING = "nothing pending"
NOBODY_KNOWS = "nobody knows what the project's own commands would change"
Say = Callable[[str], None]


def plan(project: Project, site: Site, target: Target, asked: Asked, say: Say) -> Plan:
    """What is pending, and what it would do. Changes nothing but a scratch database of its own.

    Raises JobFailed, DatabaseUnreachable, CannotSave, LinterMissing.
    """
    if not asked.choice.commands:
        return Plan(anything=False)
    found = asked.pending
    if found is None:
        return Plan(anything=None)
    if not found.anything:
        return Plan(anything=False, pending=found)
    with _way(project, target) as conninfo:
        preview = look_ahead(Container(site, target, say), found, conninfo)
    large = target.settings.migrations.large
    return Plan(True, found, preview, digest(preview, large))


def plan_release(run: Run, step: StepLog) -> None:
    """Asked once, and kept with the release. Raises MigrationsUnsafe, and as `plan`."""
    site, target = run.sites[0], run.running_target
    if asks_image(target.config):
        prepare(site, target)
    run.plan = made = plan(run.project, site, target, run.ask(step.say), step.say)
    if made.preview is None or made.pending is None:
        step.detail = NOTHING if made.anything is False else NOBODY_KNOWS
        return
    kept = KeptPreview(
        run.release.id, made.digest, count_words(made.pending), made.preview.as_json()
    )
    run.store.previews.keep(kept)
    step.say(f"pending: {in_words(made.pending)}")
    found = unsafe(made.preview, run.settings.migrations.large)
    for one in found:
        step.say(f"unsafe: {one}")
    step.detail = headline(made.preview, kept.pending, run.settings.migrations.large)
    if unsafe_for(run, "refuse"):
        raise MigrationsUnsafe(run.release.environment, [(str(one), one.sql) for one in found])


def unsafe_for(run: Run, policy: str) -> list[Finding]:
    """What that policy, where it is the environment's, is about."""
    rules = run.settings.migrations
    if rules.unsafe != policy or run.plan is None or run.plan.preview is None:
        return []
    return unsafe(run.plan.preview, rules.large)


def check_preview(project: Project, environment: str) -> str:
    """Whether migrations could be tried there; nothing is written. Raises CannotPreview where the
    policy makes something of it."""
    settings = project.config.environment(environment)
    assert settings.database is not None, "whoever asks has reached it"
    try:
        with project.database(environment) as conninfo:
            database, major = check_may_make(conninfo)
            programs_to_copy(environment, settings.backup.programs, major)
    except NoClone as error:
        if settings.migrations.unsafe == "warn":
            return f"no: {error}. {error.next_step}"
        raise CannotPreview(environment, str(error), error.next_step) from error
    return f"migrations are tried on a copy of the schema of {database}"


def plan_before_release(project: Project, request: Request, say: Say) -> Plan:
    """As a release of `request` would make it, without one. Holds no lease, writes nothing down."""
    config, environment = project.config, request.environment
    secrets = project.know_secrets(config, environment)
    images = verified_images(project, config, request, enter=False)
    target = Target(
        config=config,
        environment=environment,
        sha=request.sha,
        origin=PREVIEW,
        images=images,
        secrets=secrets,
    )
    first: Host = config.environment(environment).hosts[0]
    site = project.site(config, environment, first)
    try:
        if asks_image(target.config):
            prepare(site, target)
        return plan(project, site, target, ask(site, target, say), say)
    finally:
        site.close()


def asks_image(config: Config) -> bool:
    """Where the project's own commands are run, there is nothing to ask."""
    return config.migrations.preset not in ("none", "command")


def prepare(site: Site, target: Target) -> None:
    """The one image that is asked, and a network for it. Raises ImageNotPulled."""
    site.pull([target.images[target.config.migration_service]])
    site.have_network()


@contextmanager
def _way(project: Project, target: Target) -> Iterator[str | None]:
    """To the database, where the config names one."""
    database, environment = target.settings.database, target.environment
    if database is None:
        yield None
        return
    same_name(project, environment, database)
    with project.database(environment) as conninfo:
        yield conninfo
