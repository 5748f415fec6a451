"""A process that has imported what a flow run needs, and forks for each: two seconds less to wait.

The worker starts it (`python -m flows.warm SOCKET`) and holds the other end of its standard input:
it ends with the worker, and what it has forked goes on. flows/engine.py asks it, over a Unix socket
in a folder that is ours alone, and is to Prefect the process of the run: it passes signals on, and
ends as the fork does. https://docs.python.org/3/library/multiprocessing.html calls this way of
starting a process a fork server; that of Python serves only the process that has started it.
"""

import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

SOCKET = "FAIRLEAD_WARM_SOCKET"
STANDARD = (0, 1, 2)  # the files that the fork takes over
LENGTH = struct.Struct("!I")
# Every flow, and what runs it.
IMPORTED = ("flows.deploying", "prefect.flow_engine")
# Prefect reads its settings when it is imported. What belongs to one run has two underscores.
SETTINGS = "PREFECT_"
OF_A_RUN = f"{SETTINGS}_"


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of Prefect's in it: a fork has the ones that its parent was started with."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(SETTINGS) and not name.startswith(OF_A_RUN)
    }


# -- who asks ------------------------------------------------------------------------------------


def run_in_fork(way: str) -> int | None:
    """Have a fork run what this process was started for, and wait for its end: the exit code. None
    where there is no such process, or its settings are others; nothing has begun then."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(way)
            wanted = json.dumps({"environ": dict(os.environ), "folder": str(Path.cwd())}).encode()
            socket.send_fds(line, [LENGTH.pack(len(wanted))], STANDARD)
            line.sendall(wanted)
            fork = _number(line)
        except OSError:
            return None
        if fork is None:
            return None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, partial(_passed_on, fork))
        code = _number(line)
        while line.recv(1):
            pass  # it writes its last logs
    if code is None:
        os.kill(os.getpid(), signal.SIGKILL)  # as it was
    return code


def _passed_on(fork: int, number: int, _: object) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(fork, number)


def _number(line: socket.socket) -> int | None:
    """None where the other side has ended."""
    said = line.recv(LENGTH.size, socket.MSG_WAITALL)
    return LENGTH.unpack(said)[0] if len(said) == LENGTH.size else None


# -- who is asked --------------------------------------------------------------------------------


def main(way: str) -> None:
    """Returns in a fork, once its run has ended, and where the worker has ended."""
    gc.disable()  # nothing of what is imported is garbage
    for module in IMPORTED:
        import_module(module)
    gc.freeze()
    gc.enable()
    line = _asked(way)
    if line is not None:
        _become(line)


def _asked(way: str) -> socket.socket | None:
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(way)
        except OSError as error:
            sys.exit(f"Nothing is warm, so runs begin later: {way}: {error}. Set a shorter TMPDIR.")
        listener.listen(100)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:  # where the worker was killed, nobody else clears up
                shutil.rmtree(Path(way).parent, ignore_errors=True)
                return None
            line, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                return line
            line.close()


def _become(line: socket.socket) -> None:
    """The process that `flows.engine` would have been."""
    head, files, _, _ = socket.recv_fds(line, LENGTH.size, len(STANDARD))
    wanted = json.loads(_whole(line, LENGTH.unpack(head)[0]))
    if settings(wanted["environ"]) != settings(os.environ):
        return  # without a word: nothing has begun
    os.setsid()
    for file, standard in zip(files, STANDARD, strict=True):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environ"])
    del os.environ[SOCKET]
    sys.argv = ["prefect.engine"]
    line.sendall(LENGTH.pack(os.getpid()))
    threading.Thread(target=_ends_with, args=(line,), daemon=True).start()
    code = 1
    try:
        runpy.run_module("prefect.engine", run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    finally:
        with suppress(OSError):
            line.sendall(LENGTH.pack(code))


def _whole(line: socket.socket, count: int) -> bytes:
    said = line.recv(count, socket.MSG_WAITALL)
    if len(said) < count:
        raise EOFError("who asked has ended")
    return said


def _ends_with(line: socket.socket) -> None:
    """Whoever kills what is to Prefect the process of the run means the run."""
    with suppress(OSError):
        line.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
