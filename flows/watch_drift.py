"""Look at what runs, and tell what has changed."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from fairlead.report import drift_summary
from flows.frame import ending_in_our_words, opened
from tasks.announce import emit_events, tell
from tasks.report import report_drift
from tasks.watch import compare_commits, look, note, note_commits, settle_dead


@flow(name="watch_drift", flow_run_name="watch_drift", persist_result=False)
@ending_in_our_words
def watch_drift() -> State:
    """Settle what dead processes left, compare what runs on each host with what is recorded, and
    tell each change once: to people, as an event, in the artifact."""
    with opened() as project:
        settled = settle_dead(project)
        looks = [look(project, environment) for environment in project.config.environments]
        distances = compare_commits(project)
        note_commits(project)
        changes = note(project, looks, distances)
        emit_events(project, changes)
        tell(project, looks, changes)
        report_drift(project, looks, changes, distances, settled)
    return Completed(message=drift_summary(looks, changes, settled))
