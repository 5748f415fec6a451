"""notify: what releases could not tell at once."""

import signal
import threading
from collections import Counter

import click

from fairlead.cli.context import project
from fairlead.cli.failing import echo
from fairlead.errors import StoreUnreachable
from fairlead.project import Project

PAUSE = 5.0  # seconds between two looks


@click.command()
@click.option("--once", is_flag=True, help="Send what is due, say what waits, and end.")
@click.pass_context
def notify(ctx: click.Context, once: bool) -> None:
    """Tell people what releases could not tell at once, until Ctrl-C.

    A release sends its own messages. When Slack was away then, or the process of a release died,
    this brings people what they have missed.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with project(ctx) as opened:
        if once:
            echo(_arrived(_notify(opened)))
            _say_what_waits(opened)
            return
        while not stopped.is_set():
            try:
                if arrived := _notify(opened):
                    echo(_arrived(arrived))
            except StoreUnreachable as error:  # it restarts: the next look tries again
                echo(error.message, err=True)
            stopped.wait(PAUSE)


def _notify(opened: Project) -> int:
    """How many messages have arrived."""
    from fairlead.approving import expire  # noqa: PLC0415
    from fairlead.courier import OLD, deliver  # noqa: PLC0415
    from fairlead.telling import tell_forgotten  # noqa: PLC0415

    expire(opened)
    tell_forgotten(opened)
    opened.store.outbox.give_up_old(opened.config.project, OLD)
    return deliver(opened, opened.senders(*opened.config.environments))


def _arrived(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'} sent."


def _say_what_waits(opened: Project) -> None:
    waiting = opened.store.outbox.unsent(opened.config.project)
    problems = Counter((one.message.destination, one.problem or "") for one in waiting)
    for (destination, problem), count in problems.items():
        echo(f"{count} to {destination} waiting. {problem}".rstrip())
