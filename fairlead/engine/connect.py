"""Docker engines, and the one place that translates the SDK's errors."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from paramiko.ssh_exception import ChannelException, SSHException

from fairlead.config import Host
from fairlead.errors import EngineError, HostUnreachable

TIMEOUT = 60  # seconds for one answer of an engine; longer calls say so themselves
SILENCE = 30  # seconds without a sign of a host, after which its SSH connection is given up
# The SDK keeps idle connections for each URL it has asked for, and over SSH each is a session, of
# which sshd allows ten (MaxSessions) to all that is asked of a host at once.
POOLS, IDLE = 4, 1
AWAY = (requests.exceptions.RequestException, SSHException, OSError, EOFError)

__all__ = ["AWAY", "NotFound", "connect", "engine_errors", "reason"]


def connect(
    host: Host, timeout: float = TIMEOUT, *, called: str | None = None
) -> docker.DockerClient:
    """A client of the host's engine that has answered. Raises HostUnreachable, in which it is
    `called` so."""
    try:
        client = docker.DockerClient(
            base_url=host.engine, timeout=int(timeout), num_pools=POOLS, max_pool_size=IDLE
        )
        _tend(client.api)
        client.ping()
    except (DockerException, *AWAY) as error:
        raise HostUnreachable(called or host.engine, reason(error)) from error
    return client


def _tend(api: Any) -> None:
    """Over SSH: have a session that sshd does not allow yet be asked for again, and a connection
    that nothing comes through any more end."""
    ssh = getattr(api.get_adapter(api.base_url), "ssh_client", None)
    if ssh is not None:
        transport = ssh.get_transport()
        transport.open_session = _patient(transport.open_session)
        _end_when_cut(transport)


def _end_when_cut(transport: Any) -> None:
    """Something is sent every few seconds, and the kernel gives up when nobody acknowledges it
    (TCP_USER_TIMEOUT, tcp(7)): by itself it tries for a quarter of an hour, and paramiko for
    one."""
    transport.set_keepalive(SILENCE // 3)
    if isinstance(transport.sock, socket.socket):  # a ProxyCommand has none
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)


def _patient(open_session: Callable[..., Any]) -> Callable[..., Any]:
    """Those who want a session queue, and the first asks again until one is free."""
    turn = threading.Lock()

    @wraps(open_session)
    def opened(*args: Any, **kwargs: Any) -> Any:
        with turn:
            deadline = time.monotonic() + TIMEOUT
            while True:
                try:
                    return open_session(*args, **kwargs)
                except ChannelException:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)

    return opened


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
