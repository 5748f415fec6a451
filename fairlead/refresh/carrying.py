"""What the environment keeps of its own comes over from its old database."""

from fairlead.config import RefreshSettings
from fairlead.database.refresh.carry import Own, carry
from fairlead.model import PhaseName
from fairlead.refresh.frame import Refreshing


def own_of(environment: str, settings: RefreshSettings) -> Own:
    rows = [(one.table, one.where) for one in settings.carry]
    return Own(environment, rows, settings.carry_tenants)


def carry_over(run: Refreshing) -> None:
    """Once both databases are at the same migrations. Raises CarryFailed, LeaseLost."""
    with run.phase(PhaseName.CARRY) as step:
        own = own_of(run.environment, run.settings)
        if not own.rows and not own.tenants:
            step.skip("the config names nothing of its own")
            return
        run.work.have()
        try:
            carried = carry(
                run.target,
                run.made,
                own,
                programs=run.seen.programs,
                folder=run.work.folder,
            )
        finally:
            run.work.remove()
        for schema in carried.left:
            step.say(f"{schema} is not in the new database: its rows stay behind")
        run.note(carried=carried.words)
        step.detail = f"{carried.words} of {run.environment}'s own"
