"""No value of production stays where a rule says so; and the proof, before anybody may connect."""

import time
from collections.abc import Callable, Sequence
from contextvars import copy_context

from fairlead.database.backup.beside import connected, elsewhere
from fairlead.database.backup.swap import belongings, give
from fairlead.database.masking.catalog import settle
from fairlead.database.masking.mask import mask
from fairlead.database.masking.prove import prove
from fairlead.database.masking.reading import reading
from fairlead.database.refresh.analyze import analyzing
from fairlead.database.refresh.rights import give_rights, rights_in
from fairlead.model import PhaseName
from fairlead.refresh.frame import QUERY, Refreshing
from fairlead.run import StepLog

EVERY = 5.0  # seconds between two lines


def mask_rows(run: Refreshing) -> None:
    """Raises MaskingIncomplete, MaskingUnfit, MaskingFailed, LeaseLost."""
    with run.phase(PhaseName.MASK) as step:
        seen = run.seen
        done = mask(run.made, seen.masking, seen.key, arrived=run.arrived, say=_now_and_then(step))
        for name in done.unknown:
            step.say(f"there is no column for the rule {name}")
        run.note(tables=done.tables, masked_columns=done.columns, emptied_tables=done.emptied)
        step.detail = (
            f"{done.columns} columns of {done.tables} tables, {len(run.arrived)} as they arrived"
        )


def _now_and_then(step: StepLog) -> Callable[[str], None]:
    """A line a table is too much of 200 tenants. It is said by threads, in our context: so the log
    goes where that of the flow goes."""
    done, told, ours = 0, time.monotonic(), copy_context()

    def say(line: str) -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            ours.copy().run(step.say, f"{line}; {done} tables so far")

    return say


def prove_masked(run: Refreshing) -> None:
    """Afterwards those may connect who may in the environment's database.

    Raises MaskingNotProven, MaskingFailed, NotReadOnly, DatabaseUnreachable, LeaseLost."""
    with run.phase(PhaseName.PROVE) as step:
        with (
            reading(run.row.source, run.source, timeout=QUERY) as there,
            connected(run.made, run.row.session, run.left) as copy,
        ):
            settle(copy, default_transaction_read_only="on")
            with analyzing(run.made, run.row.session, run.left):
                proof = prove(there, copy, run.seen.masking.rules)
        for line in proof.noticed:
            step.say(line)
        for maker in _let_in(run):
            step.say(
                f"what {maker} makes later has no rights by default: they are not ours to give"
            )
        run.note(values_compared=proof.values, noticed=list(proof.noticed))
        step.detail = f"{proof.values} values looked at, none of production's among them"


def _let_in(run: Refreshing) -> Sequence[str]:
    """Those who may connect to the environment's database, with the rights that they have there."""
    beyond = give_rights_as_before(run)
    with elsewhere(run.target, run.row.session) as connection:
        give(connection, run.row.made, belongings(connection, run.row.database))
    return beyond


def give_rights_as_before(run: Refreshing) -> Sequence[str]:
    """On what is there by now. The roles whose rights by default we may not set."""
    with (
        connected(run.target, run.row.session) as old,
        connected(run.made, run.row.session) as new,
    ):
        settle(old)
        settle(new)
        rights = rights_in(old)
        give_rights(new, rights)
        return rights.beyond
