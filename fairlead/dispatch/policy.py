"""Whether what GitHub asks for may be, and where: pure."""

from fairlead.config import Config, Dispatch
from fairlead.dispatch.events import Event, Ignored, short
from fairlead.dispatch.problems import not_allowed
from fairlead.model import Wish


def decide(config: Config, event: Event, guid: str) -> Wish | Ignored:
    """The release to start; of one for a branch it is still to be seen whether the commit is there.

    Raises Problem (403) with the list that does not have it.
    """
    rules = config.dispatch
    assert rules is not None, "there is no receiver without [dispatch]"
    if not _listed(event.repository, rules.repositories):
        raise not_allowed(f"{event.repository} may start nothing here ([dispatch] repositories).")
    place = _finished(config, rules, event) if event.branch else _named(config, rules, event)
    if isinstance(place, Ignored):
        return place
    if rules.actors and not _listed(event.actor, rules.actors):
        raise not_allowed(f"{event.actor} may start nothing here ([dispatch] actors).")
    return Wish(
        guid=guid,
        event=event.name,
        subject=event.subject,
        repository=event.repository,
        actor=event.actor,
        environment=place,
        sha=event.sha,
        reason=event.reason,
    )


def _named(config: Config, rules: Dispatch, event: Event) -> str | Ignored:
    """The environment it names. GitHub makes deployments to some of its own: github-pages."""
    if event.environment in rules.environments:
        return event.environment
    if event.name == "deployment" and event.environment not in config.environments:
        return Ignored(f'There is no environment "{short(event.environment)}" here.')
    there = short(event.environment)
    raise not_allowed(f'GitHub may not start a release to "{there}" ([dispatch] environments).')


def _finished(config: Config, rules: Dispatch, event: Event) -> str | Ignored:
    """The environment of the branch. Anybody can have a fork with a branch of that name."""
    found = [
        name for name in rules.environments if config.environments[name].branch == event.branch
    ]
    if not found:
        return Ignored(f'GitHub may start no environment of the branch "{short(event.branch)}".')
    if not _listed(event.source, [event.repository]):
        raise not_allowed(f"The workflow ran for a fork: {event.source or 'one that is gone'}.")
    if event.trigger.startswith("pull_request"):  # its branch is where it wants to go from
        return Ignored("The workflow ran for a pull request.")
    if rules.workflows and event.workflow not in rules.workflows:
        return Ignored(f'The workflow "{event.workflow}" starts nothing ([dispatch] workflows).')
    if config.github is None or not _listed(event.repository, [config.github.repository]):
        raise not_allowed(
            f"Nobody can be asked whether a branch of {event.repository} has the commit "
            "([github] repository)."
        )
    return found[0]


def _listed(name: str, names: tuple[str, ...] | list[str]) -> bool:
    """GitHub's names are the same in both kinds of letters."""
    return name.lower() in {other.lower() for other in names}
