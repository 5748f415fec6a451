"""A flow in a process that was not forked: what it is given at its start takes effect."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.bench.bench import Bench
from tests.bench.dying import FlowProcess


class _Started:
    """A process of Popen, by the names that multiprocessing has for it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process, self.pid = process, process.pid

    @property
    def exitcode(self) -> int | None:
        return self._process.poll()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def join(self, timeout: float | None = None) -> None:
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return


class FarProcess(FlowProcess):
    """`environ` is added to that of the bench."""

    def __init__(
        self, bench: Bench, flow: str, environ: Mapping[str, str], **parameters: Any
    ) -> None:
        self._environ = environ
        super().__init__(bench, flow, **parameters)

    def _started(self, flow: str, asked: Mapping[str, Any]) -> Any:
        with self._output.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "flows", flow],
                env={**self._bench.environ, **self._environ, "PREFECT_LOGGING_TO_API_ENABLED": "0"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked).encode())
        process.stdin.close()
        return _Started(process)


@contextmanager
def far_process(
    bench: Bench, flow: str, *, environ: Mapping[str, str], **parameters: Any
) -> Iterator[FlowProcess]:
    made = FarProcess(bench, flow, environ, **parameters)
    try:
        yield made
    finally:
        made.end()
