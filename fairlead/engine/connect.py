"""Docker engines, and the one place that translates the SDK's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from paramiko.ssh_exception import SSHException

from fairlead.config import Host
from fairlead.errors import EngineError, HostUnreachable

TIMEOUT = 60  # seconds for one answer of an engine; longer calls say so themselves
AWAY = (requests.exceptions.RequestException, SSHException, OSError, EOFError)

__all__ = ["AWAY", "NotFound", "connect", "engine_errors", "reason"]


def connect(host: Host, timeout: float = TIMEOUT) -> docker.DockerClient:
    """A client of the host's engine that has answered. Raises HostUnreachable."""
    try:
        client = docker.DockerClient(base_url=host.engine, timeout=int(timeout), max_pool_size=8)
        client.ping()
    except (DockerException, *AWAY) as error:
        raise HostUnreachable(host.engine, reason(error)) from error
    return client


@contextmanager
def engine_errors(host: str, what: str) -> Iterator[None]:
    """Raises HostUnreachable for an engine that went away, EngineError for one that said no."""
    try:
        yield
    except APIError as error:
        raise EngineError(host, what, reason(error)) from error
    except (DockerException, *AWAY) as error:
        raise HostUnreachable(host, reason(error)) from error


def reason(error: BaseException) -> str:
    """The shortest true words of an SDK's error: the engine's own, or the innermost cause."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip()
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error).strip() or type(error).__name__
