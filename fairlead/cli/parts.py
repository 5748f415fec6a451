"""Programs that run beside each other for as long as `fairlead up` does."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.cli.failing import echo
from fairlead.errors import PartEnded
from fairlead.plain import plain

TAIL = 20  # lines that are shown of one that ended


@dataclass
class Part:
    """A program in a session of its own, so that Ctrl-C reaches it through us only. `grace` is how
    many seconds it gets to end, None for as long as it takes."""

    name: str
    process: "subprocess.Popen[str]"
    grace: float | None
    quiet: bool
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.tail.append(plain(line.rstrip()))
            if not self.quiet:
                echo(f"{self.name:<8} | {self.tail[-1]}")

    def stop(self, hurry: threading.Event) -> None:
        """SIGTERM, time to end, then SIGKILL for it and what it has started. One that may take its
        time is told again when we are in a hurry."""
        self.process.terminate()
        if self.grace is None:
            while self.process.poll() is None and not hurry.wait(0.2):
                pass
            self.process.terminate()
        try:
            self.process.wait(self.grace)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Parts:
    """Leaving the block stops them, the last one first; `hurry` is set when that has to be soon."""

    def __init__(self, environ: Mapping[str, str], hurry: threading.Event) -> None:
        self._environ, self._hurry = environ, hurry
        self._parts: list[Part] = []

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *_: object) -> None:
        for part in self._parts:
            # What they print about their end is of use to nobody, but for what it waits for.
            part.quiet = part.grace is not None
        for part in reversed(self._parts):
            part.stop(self._hurry)

    def start(self, name: str, command: Sequence[str], *, grace: float | None, quiet: bool) -> None:
        """What a quiet one prints is shown when it has ended by itself."""
        process = subprocess.Popen(  # noqa: S603 our own modules
            command,
            env=dict(self._environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        part = Part(name, process, grace, quiet)
        self._parts.append(part)
        threading.Thread(target=part.read, daemon=True).start()

    def check(self) -> None:
        """Raises PartEnded when one of them has ended by itself."""
        for part in self._parts:
            code = part.process.poll()
            if code is not None:
                ended = PartEnded(part.name, code, list(part.tail))
                echo(ended.summary, err=True)
                raise ended
