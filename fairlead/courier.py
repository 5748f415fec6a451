"""Sending what is to be told: in order, again after a failure, never twice.

Whoever makes a release sends what it tells; what could not be sent then is sent by
`fairlead notify` or whoever comes next.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context

from fairlead.errors import FairleadError, StoreUnreachable
from fairlead.model import Outgoing
from fairlead.notify import NotTold, Sender
from fairlead.plain import plain
from fairlead.project import Project, SenderOf

LOG = logging.getLogger("fairlead")
PAUSE = 2.0  # seconds between two looks, unless something was written meanwhile
FIRST_TRY, LAST_TRY = 15.0, 3600.0  # seconds between two tries: doubled from the one to the other
LAST = 10.0  # seconds that the end of a release waits for what it tells
OLD = 24 * 3600.0  # seconds after which nobody wants to hear of it any more


def deliver(project: Project, senders: Mapping[str, SenderOf]) -> int:
    """Send what is due to these destinations; how many messages have arrived.

    Raises StoreUnreachable.
    """
    arrived, name = 0, project.config.project
    made: dict[str, Sender] = {}
    while (outgoing := project.store.outbox.claim(name, list(senders))) is not None:
        where = outgoing.message.destination
        try:
            made[where] = made.get(where) or senders[where]()
            reference = made[where].deliver(outgoing)
        except FairleadError as failure:
            _failed(project, outgoing, failure)
        else:
            project.store.outbox.sent(name, outgoing, reference)
            arrived += 1
    return arrived


def _failed(project: Project, outgoing: Outgoing, failure: FairleadError) -> None:
    problem, wait, uncertain = project.redact(failure.message), 0.0, outgoing.uncertain
    LOG.warning("notify: %s", plain(problem))
    if isinstance(failure, NotTold):
        wait, uncertain = failure.retry_after or 0.0, failure.uncertain
        if failure.lasting:
            project.store.outbox.give_up(outgoing, problem)
            return
    project.store.outbox.put_off(
        outgoing, problem, seconds=max(wait, pause(outgoing.attempts)), uncertain=uncertain
    )


def pause(attempts: int) -> float:
    """Seconds to wait after so many tries."""
    return min(FIRST_TRY * 2.0 ** (attempts - 1), LAST_TRY)


class Courier:
    """Sends beside what else is going on: a release never waits for it, nor fails by it."""

    def __init__(self, project: Project, senders: Mapping[str, SenderOf]) -> None:
        self._project, self._senders = project, senders
        self._written, self._end = threading.Event(), threading.Event()
        # In our context, so that its log goes where that of the release goes.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="fairlead courier", daemon=True
        )

    def __enter__(self) -> "Courier":
        if self._senders:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._written.set()
        if self._senders:
            self._thread.join()

    @property
    def has_nobody(self) -> bool:
        """True when there is nobody to tell."""
        return not self._senders

    def wake(self) -> None:
        """Something was written."""
        self._written.set()

    def finish(self, subject: str, seconds: float = LAST) -> str:
        """Try all that is told of the subject once more, and wait for that; what it came to."""
        outbox, name = self._project.store.outbox, self._project.config.project
        outbox.hurry(name, subject)
        self.wake()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and is_untried(outbox.unsent(name), subject):
            time.sleep(0.05)
        return outcome(outbox.of(name, subject))

    def _run(self) -> None:
        while not self._end.is_set():
            self._written.clear()
            with suppress(StoreUnreachable):  # it restarts: the next look tries again
                deliver(self._project, self._senders)
            self._written.wait(PAUSE)


def is_untried(unsent: Sequence[Outgoing], subject: str) -> bool:
    """Whether something of the subject waits where nothing has failed: it will be sent soon."""
    heads: dict[str, Outgoing] = {}
    for one in unsent:
        heads.setdefault(one.message.destination, one)
    waiting = {one.message.destination for one in unsent if one.message.subject == subject}
    return any(heads[place].problem is None for place in waiting)


def outcome(told: Sequence[Outgoing]) -> str:
    """In a line, for the history: who was told, and who was not yet."""
    places = dict.fromkeys(one.message.destination for one in told)
    return "; ".join(_of_place(place, told) for place in places)


def _of_place(place: str, told: Sequence[Outgoing]) -> str:
    left = [one for one in told if one.message.destination == place and one.outcome is None]
    lost = [one for one in told if one.message.destination == place and one.outcome == "given_up"]
    name = place.partition(":")[2]
    if left:
        return f"{left[0].problem or f'{name} has not taken earlier messages.'} It is tried again."
    return f"not told: {lost[-1].problem}" if lost else f"told {name}"
