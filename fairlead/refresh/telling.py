"""Telling people of a refresh: that it failed, and that it works again; never that it goes well."""

from fairlead.model import Message, MessageKind, Refresh, RefreshState
from fairlead.notify import RefreshNotice
from fairlead.notify.refresh_message import build_refresh_message
from fairlead.project import Project

BAD = (RefreshState.REFUSED, RefreshState.FAILED, RefreshState.NOT_PUT_BACK)


def tell_ended(project: Project, row: Refresh) -> bool:
    """Write it down for whoever is told of this environment; False where there is nothing to tell,
    or nobody to hear it."""
    good = row.state is RefreshState.REFRESHED
    if not good and row.state not in BAD:
        return False
    if good and not _failed_before(project, row):
        return False
    settings = project.config.environment(row.environment)
    body = build_refresh_message(_notice(project, row))
    messages = [
        Message(one.destination, f"refresh {row.id}", MessageKind.DETAIL, body)
        for one in settings.notify.slack
    ]
    project.store.outbox.put(project.config.project, messages)
    return bool(messages)


def _failed_before(project: Project, row: Refresh) -> bool:
    rows = project.store.refreshes.history(row.project, row.environment)
    before = next((one for one in rows if one.id < row.id), None)
    return before is not None and before.state in BAD


def _notice(project: Project, row: Refresh) -> RefreshNotice:
    phases = project.store.refreshes.phases(row.id)
    failed = next((one for one in phases if one.error), None)
    return RefreshNotice(
        project=row.project,
        environment=row.environment,
        source=row.source,
        refresh=row.id,
        state=row.state,
        phase=failed.name if failed else None,
        error=row.error or "",
        url=project.config.environment(row.environment).url,
    )
