"""What Prefect's server does by itself: it marks the runs that nobody makes any more.

When a worker and its flow are killed, nobody tells Prefect, and the run stays Running for ever.
What the release left is none of Prefect's business: the store knows it, and the next release
settles it. https://docs.prefect.io/v3/advanced/detect-zombie-flows
"""

from datetime import timedelta

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

HEARTBEAT = 30  # seconds between two heartbeats of a run, the least that Prefect takes
SILENCE = timedelta(seconds=4 * HEARTBEAT)
FLOWS = ["release", "rollback", "promote", "watch_drift", "prune", "refresh"]


def dead_runs(silence: timedelta = SILENCE) -> AutomationCore:
    """A run that has had a heartbeat, and then neither another one nor an end, is marked."""
    return AutomationCore(
        name="fairlead: dead runs",
        description="Marks a run as crashed whose process has died without a word.",
        trigger=EventTrigger(
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": FLOWS},
            for_each={"prefect.resource.id"},
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"Its process has been silent for {silence.total_seconds():g} s.",
            )
        ],
    )


async def ensure(client: PrefectClient, wanted: AutomationCore) -> None:
    """The automation, made or brought up to date. One that is as it should be is left alone, also
    when somebody has disabled it: an update may have the server forget what it waits for."""
    found = await client.read_automations_by_name(wanted.name)
    if not found:
        await client.create_automation(wanted)
    for old in found:
        if (old.trigger, old.actions) != (wanted.trigger, wanted.actions):
            kept = wanted.model_copy(update={"enabled": old.enabled})
            await client.update_automation(old.id, kept)
