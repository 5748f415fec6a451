"""Running a program that takes long: its time is limited, and it never outlives its limit."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

TICK = 0.2  # seconds
GRACE = 5  # seconds between SIGTERM and SIGKILL
LINES = 15  # last lines of what it wrote


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` is None where its time was over; `output` its standard output, `tail` the last lines
    of standard error."""

    program: str
    code: int | None
    output: str
    tail: tuple[str, ...]

    @property
    def problem(self) -> str | None:
        """`pg_dump ended with exit code 1`; None where all is well."""
        if self.code == 0:
            return None
        how = "did not end in time" if self.code is None else f"ended with exit code {self.code}"
        return f"{self.program} {how}"


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    deadline: float,
    tick: Callable[[], object] = lambda: None,
) -> Ended:
    """Run it to its end, or to `deadline` on the monotonic clock; then, and when we are stopped
    ourselves, it is ended with all that it has started. Raises OSError where it is not there."""
    name = os.path.basename(command[0])  # noqa: PTH119 a name
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(  # noqa: S603 an argument list
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,  # a process group of its own: its children end with it
        )
        try:
            code = _wait(process, deadline, tick)
        finally:
            _end(process)
        return Ended(name, code, _text(out), tuple(_text(err).splitlines()[-LINES:]))


def _wait(
    process: subprocess.Popen[bytes], deadline: float, tick: Callable[[], object]
) -> int | None:
    while time.monotonic() < deadline:
        try:
            return process.wait(TICK)
        except subprocess.TimeoutExpired:
            tick()
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group, also where its leader has ended: a child may go on."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kind)
        except ProcessLookupError:
            break
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def libpq_environ(conninfo: str, *, name: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables from which libpq takes the connection, the password among them: command lines
    can be read by everybody (https://www.postgresql.org/docs/current/libpq-envars.html).

    Ours replace all those that are inherited. `name` is what the server shows as the application.
    """
    fields = {**conninfo_to_dict(conninfo), "application_name": name}
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in Conninfo.get_defaults()
        if option.envvar
    }
    ours = {variables[key]: str(value) for key, value in fields.items() if key in variables}
    others = {key: value for key, value in inherited.items() if not key.startswith("PG")}
    return {**others, **ours, "LC_ALL": "C.UTF-8"}
