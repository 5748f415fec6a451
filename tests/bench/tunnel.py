"""An sshd of a test's own on loopback, and an `ssh` that knows the way in."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bench import free_port
from tests.bench.second_engine import have_packages, ssh_config
from tests.bench.waiting import until


@contextmanager
def sshd(folder: Path) -> Iterator[tuple[str, Path]]:
    """Its address, and the folder for the PATH in which `ssh` gets in."""
    have_packages()
    home, port = folder / "ssh-home", free_port()
    (home / "bin").mkdir(parents=True)
    for key in ("host", "id_ed25519"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)]
        subprocess.run(make, check=True)
    public = (home / "host.pub").read_text()
    (home / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    (home / "config").write_text(ssh_config(home))
    (home / "sshd").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {home}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {home}/id_ed25519.pub\nPermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\nStrictModes no\n"
    )
    command = home / "bin" / "ssh"
    command.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/config "$@"\n')
    command.chmod(0o755)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(home / "sshd")], stderr=subprocess.DEVNULL
    ) as server:
        try:
            until(lambda: answers(port))
            yield f"ssh://root@127.0.0.1:{port}", home / "bin"
        finally:
            server.terminate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
