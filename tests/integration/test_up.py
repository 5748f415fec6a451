"""`fairlead up`: everything on one machine, and what Ctrl-C does to a release."""

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from fairlead.model import ReleaseState
from tests.bench.bench import Bench, free_port
from tests.bench.dying import until


@dataclass
class Up:
    """The command while it runs; `said` grows."""

    process: "subprocess.Popen[str]"
    api: str
    said: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))

    def has_said(self, words: str) -> bool:
        assert self.process.poll() is None or any(words in line for line in self.said), self.said
        return any(words in line for line in self.said)


@contextmanager
def up(bench: Bench, folder: Path) -> Iterator[Up]:
    port = free_port()
    kept = {name: value for name, value in bench.environ.items() if "PREFECT" not in name}
    process = subprocess.Popen(
        bench.command("up", "--port", str(port)),
        env={**kept, "PREFECT_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Up(process, f"http://127.0.0.1:{port}/api")
    reader = threading.Thread(target=running.read)
    reader.start()
    try:
        yield running
    finally:
        for _ in range(2):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        process.wait(150)
        reader.join()
        print("\n".join(running.said))


def test_release_is_waited_for_and_put_back_at_the_second_ctrl_c(
    bench: Bench, tmp_path: Path
) -> None:
    with up(bench, tmp_path / "prefect") as running:
        until(lambda: running.has_said("Up: deployments of dev. Ctrl-C stops it."), "up", 180)
        first = bench.push("v1")
        done = bench.fairlead("release", "dev", first, PREFECT_API_URL=running.api)
        assert "succeeded" in done.stdout.splitlines()[-1]
        assert bench.history()[0].requested_via == "prefect"

        bench.configure(services={"web": {"health": {"timeout": 100}}})
        sick = bench.push("v2", BEHAVIOUR="sick")
        with subprocess.Popen(
            bench.command("release", "dev", sick),
            env={**bench.environ, "PREFECT_API_URL": running.api},
            stdout=subprocess.DEVNULL,
        ) as asking:
            until(lambda: len(bench.containers(state="running")) == 2, "the new one is there", 150)
            family = psutil.Process(running.process.pid).children(recursive=True)
            running.process.send_signal(signal.SIGINT)
            run = f"release-{sick[:7]}-to-dev"
            waits = f"releases | Waiting for {run}. Ctrl-C again has it put back."
            until(lambda: waits in running.said, "it waits")
            running.process.send_signal(signal.SIGINT)
            assert running.process.wait(120) == 0
            assert asking.wait(30) == 4
    *told, ended, stopped, last = running.said[running.said.index("Stopping.") :]
    assert told == [
        "Stopping.",
        "releases | Taking no more runs.",
        waits,
        f"releases | Putting back {run}.",
    ]
    assert ended.startswith(f"releases | {run}: ")
    assert stopped == "releases | Stopped."
    assert last == "Everything has stopped. The embedded store, if it is used, goes on."
    assert [process for process in family if process.is_running()] == []
    assert bench.history()[0].state is ReleaseState.ROLLED_BACK
    assert bench.serves() == "v1"


def test_port_that_is_taken_and_a_part_that_ends_are_told(bench: Bench, tmp_path: Path) -> None:
    taken = bench.registry.rpartition(":")[2]
    done = bench.fairlead("up", "--port", taken, code=3)
    assert done.stderr == (
        f"error: Nothing can listen at 127.0.0.1:{taken}: Address already in use.\n"
        "Stop what listens there, or choose another: --port\n"
    )
    nowhere = "postgresql+asyncpg://a:b@127.0.0.1:1/x"
    bench.environ |= {"PREFECT_HOME": str(tmp_path), "PREFECT_API_DATABASE_CONNECTION_URL": nowhere}
    done = bench.fairlead("up", "--port", str(free_port()), code=4)
    told, error = (line for line in done.stderr.splitlines() if "ended by itself" in line)
    assert re.fullmatch(
        r"prefect ended by itself with exit code \d+: the others are stopped\.", told
    )
    assert error == f"error: {told} Its last lines:"
    assert done.stderr.rstrip().endswith("Mend what its last lines say, then again: fairlead up")
