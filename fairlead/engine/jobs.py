"""One-off jobs: one command in a container of the release's own digest."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from docker.models.containers import Container

from fairlead.engine.connect import engine_errors
from fairlead.engine.site import Site
from fairlead.engine.target import LABEL, LOGS, Target, archive, labels, variables, volumes
from fairlead.errors import JobFailed

TAIL = 20


def job(
    target: Target, service: str, command: Sequence[str], lock_timeout: float
) -> dict[str, Any]:
    """The arguments of docker.containers.create for one command.

    PostgreSQL gets the lock time-out through libpq's PGOPTIONS
    (https://www.postgresql.org/docs/current/libpq-envars.html).
    """
    fields = target.config.services[service]
    given = variables(target, fields)
    options = f"{given.get('PGOPTIONS', '')} -c lock_timeout={round(lock_timeout * 1000)}".strip()
    return {
        "image": target.images[service].reference,
        "command": list(command),
        "environment": {**given, "PGOPTIONS": options},
        "volumes": volumes(target, fields),
        "network": target.prefix,
        "init": True,
        "detach": True,
        "security_opt": ["no-new-privileges:true"],
        "log_config": LOGS,
        "labels": {
            **labels(target.config, target.environment, "job"),
            f"{LABEL}service": service,
            f"{LABEL}origin": str(target.origin),
        },
    }


def run_job(
    site: Site,
    target: Target,
    service: str,
    command: Sequence[str],
    say: Callable[[str], None],
    *,
    timeout: float,
    lock_timeout: float,
    shown: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
) -> list[str]:
    """Run the command to its end, each line of its output said as it comes; its last lines.

    `files` are put into the container before it starts, by path. Messages show `shown` instead of
    the command where given. Raises JobFailed for any exit code but 0, and when it takes longer than
    `timeout` seconds (it is killed then). The container is gone afterwards, whatever happened.
    """
    tail: deque[str] = deque(maxlen=TAIL)
    expired = threading.Event()
    with engine_errors(site.host, f"run `{' '.join(shown or command)}`"):
        made = site.client.containers.create(**job(target, service, command, lock_timeout))
        timer = threading.Timer(timeout, _kill, (made, expired))
        try:
            for network in target.settings.networks:
                site.client.networks.get(network).connect(made)
            if files:
                made.put_archive("/", archive(files))
            timer.start()
            made.start()
            for raw in _lines(made):
                line = site.redact(raw)
                tail.append(line)
                say(line)
            code = int(made.wait()["StatusCode"])
        finally:
            timer.cancel()
            made.remove(force=True, v=True)
    if expired.is_set():
        raise JobFailed(shown or command, f"was killed after {round(timeout, 1):g} s", list(tail))
    if code != 0:
        raise JobFailed(shown or command, f"ended with exit code {code}", list(tail))
    return list(tail)


def _kill(made: Container, expired: threading.Event) -> None:
    expired.set()
    made.kill()


def _lines(made: Container) -> Any:
    """Whole lines of the output, without escape sequences of a terminal."""
    rest = b""
    for chunk in made.logs(stream=True, follow=True):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (_text(line) for line in whole)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r")
    return "".join(character for character in text if character.isprintable() or character == "\t")
