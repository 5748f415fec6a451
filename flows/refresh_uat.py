"""Give an environment another one's data, masked: UAT as production was tonight."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from fairlead.refresh.frame import Asked, refreshing
from flows.frame import ending_in_our_words, flow_run, opened, this_run
from tasks.refresh import (
    build_keys,
    carry_over,
    check_data,
    check_health,
    dump,
    look,
    mask_rows,
    migrate,
    prove_masked,
    putting_back,
    rehearse,
    restore_rows,
    served_before,
    swap,
)
from tasks.report_refresh import reporting


@flow(name="refresh", flow_run_name="refresh-{environment}", persist_result=False)
@ending_in_our_words
def refresh(
    environment: str,
    source: str = "",
    requested_by: Annotated[str, Field(max_length=100)] = "",
    wait_minutes: Annotated[float, Field(ge=0, le=1440)] = 0,
    request_id: str = "",
) -> State:
    """Copy another environment's data beside, mask it, prove that, bring it to the code that is
    deployed, and swap. Whatever fails leaves the environment the data that it had.

    Args:
        environment: Which one gets new data. Set by this deployment: leave it as it is.
        source: Whose data, as the config has it; empty is the same.
        requested_by: Who you are, for the history.
        wait_minutes: How many minutes to wait for a release that is running here already. With 0
            this one is refused then.
        request_id: For programs, which may ask twice: the same request is served once. A person
            leaves it empty.
    """
    asked = Asked(**this_run(requested_by), request=request_id or None, flow_run=flow_run())
    with opened() as project:
        if before := served_before(project, asked):
            return before
        with (
            reporting(project, environment, asked),
            refreshing(project, environment, asked, source=source, wait=wait_minutes * 60) as run,
        ):
            look(run)
            dump(run)
            restore_rows(run)
            mask_rows(run)
            build_keys(run)
            prove_masked(run)
            migrate(run)
            carry_over(run)
            check_data(run)
            rehearse(run)
            with putting_back(run):
                swap(run)
                check_health(run)
        return Completed(message=f"{environment} has the data of {run.row.source}, masked")
