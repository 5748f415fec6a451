"""A port that a command listens at."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from fairlead.errors import PortTaken


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Raises PortTaken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1024)
        except OSError as error:
            raise PortTaken(host, port, error.strerror or str(error)) from error
        yield listener
