"""Further Docker engines on this machine, each a host of its own: network, disk, SSH.

An engine is a dockerd in a network namespace of its own, joined to this machine by a pair of
virtual interfaces; an sshd beside it makes it `ssh://root@10.x.y.2`. The registry of the tests, on
loopback here, is on loopback there too, through two socat processes and a socket file.
"""

import ipaddress
import os
import random
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import DockerException

from examples.stand.debian import ensure_debian_packages, is_installed
from examples.stand.errors import StandError
from examples.stand.state import last_lines
from examples.stand.waiting import wait_until
from tests.bench.waiting import until

PACKAGES = ("openssh-server", "openssh-client", "iproute2", "socat")


@dataclass
class SecondEngine:
    """`here` is this machine's address on the way there, `address` the engine's."""

    name: str
    folder: Path
    here: str
    address: str
    data: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def socket(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def ssh(self) -> str:
        return f"ssh://root@{self.address}"

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to get in by SSH: a home with a key and the host's key, for
        paramiko; and an `ssh` that looks there, for OpenSSH asks the account, not $HOME."""
        home = self.folder / "home"
        return {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.socket, timeout=30)

    # -- the engine ---------------------------------------------------------------------------

    def start(self) -> None:
        """Have dockerd answer; as after a restart of the host when it ran before."""
        self.run_inside("dockerd", dockerd(self.folder, self.data))
        self._await("dockerd", self._answers)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """The containerd of a dockerd that is killed dies with it; the next one takes it for alive
        until somebody has buried it, unless it finds no trace."""
        self._end("dockerd", how)
        (self.folder / "run" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    @contextmanager
    def killed_when(self, true: Callable[[], bool]) -> Iterator[None]:
        """kill -9 of dockerd at that moment; it has come when the block is left."""

        def watch() -> None:
            until(true)
            self.stop(signal.SIGKILL)

        with ThreadPoolExecutor(max_workers=1) as pool:
            watching = pool.submit(watch)
            yield
            watching.result()

    def clear(self) -> None:
        """An engine as new, but for its images."""
        if "dockerd" not in self.running:
            self.start()
        with closing(self.client()) as client:
            for container in client.containers.list(all=True, ignore_removed=True):
                container.remove(force=True, v=True)
            client.networks.prune()
            for volume in client.volumes.list():
                volume.remove(force=True)

    def _answers(self) -> bool:
        try:
            with closing(self.client()) as client:
                return bool(client.ping())
        except (DockerException, OSError):
            return False

    @contextmanager
    def full(self) -> Iterator[None]:
        """Nothing is free on the disk of its own."""
        ballast = self.data / "ballast"
        free = os.statvfs(self.data)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
        try:
            yield
        finally:
            ballast.unlink()

    # -- processes ----------------------------------------------------------------------------

    def run_inside(self, name: str, command: Sequence[str]) -> None:
        # `ip netns exec` would mount a /sys of its own, without the control groups.
        self._run(name, ["nsenter", f"--net=/run/netns/{self.name}", *command])

    @contextmanager
    def running_inside(self, name: str, command: Sequence[str]) -> Iterator[None]:
        self.run_inside(name, command)
        try:
            yield
        finally:
            self._end(name, signal.SIGTERM)

    def _run(self, name: str, command: Sequence[str]) -> None:
        """It ends with the test run, also with one that is killed."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _end(self, name: str, how: signal.Signals) -> None:
        process = self.running.pop(name)
        process.send_signal(how)
        process.wait(timeout=60)

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        process = self.running[name]
        wait_until(
            ready,
            what=f"{name} of {self.name}",
            seconds=60,
            alive=lambda: process.poll() is None,
            log=lambda: self.log(name),
        )

    def log(self, name: str) -> str:
        return last_lines(self.folder / f"{name}.log")

    # -- the ways in --------------------------------------------------------------------------

    def forward(self, port: int, there: int | None = None) -> None:
        """127.0.0.1:there (the same unless given) is there what 127.0.0.1:port is here."""
        meeting = self.folder / f"{port}.sock"
        self._run(f"from-{port}", forwarding(f"UNIX-LISTEN:{meeting}", f"TCP:127.0.0.1:{port}"))
        listening = f"TCP-LISTEN:{there or port},bind=127.0.0.1,reuseaddr"
        self.run_inside(f"to-{port}", forwarding(listening, f"UNIX-CONNECT:{meeting}"))
        self._await(f"from-{port}", meeting.exists)

    def users(self, port: int) -> Path:
        """A socket file that leads to that port there, for those who come another way than ours."""
        path = self.folder / f"users-{port}.sock"
        target = f"TCP:{self.address}:{port}"
        self.run_inside(f"users-{port}", forwarding(f"UNIX-LISTEN:{path}", target))
        self._await(f"users-{port}", path.exists)
        return path

    def cut(self) -> None:
        """Nothing gets from here to there, and nobody says so."""
        _call("ip", "-n", self.name, "link", "set", f"{self.name}n", "down")

    def join(self) -> None:
        _call("ip", "-n", self.name, "link", "set", f"{self.name}n", "up")
        _call("ip", "-n", self.name, "route", "replace", "default", "via", self.here)

    def make_keys(self) -> None:
        """A key for sshd, one for who comes in, and a home in which ssh knows both."""
        keys, home = self.folder / "sshd", self.folder / "home" / ".ssh"
        home.mkdir(parents=True, mode=0o700)
        keys.mkdir(mode=0o700)
        for key in (keys / "host", home / "id_ed25519"):
            _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        shutil.copy(home / "id_ed25519.pub", keys / "authorized")
        public = (keys / "host.pub").read_text()
        (home / "known_hosts").write_text(f"{self.address} {public}")
        (home / "config").write_text(ssh_config(home))
        command = home.parent / "bin" / "ssh"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/config "$@"\n')
        command.chmod(0o755)
        (keys / "config").write_text(sshd_config(self.folder, self.address))

    def open_ssh(self) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd" / "config"
        self.run_inside("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)])
        self._await("sshd", lambda: "listening" in self.log("sshd"))

    def close_ssh(self) -> None:
        self._end("sshd", signal.SIGTERM)

    # -- the end ------------------------------------------------------------------------------

    def clean(self) -> None:
        """Nothing stays: no container, process, interface."""
        with suppress(StandError):  # one that cannot start has been told by now
            self.clear()  # only a dockerd ends its containers
        for name in reversed(list(self.running)):
            self._end(name, signal.SIGTERM)
        _call("ip", "netns", "delete", self.name)


def dockerd(folder: Path, data: Path) -> list[str]:
    """Everything of it lies below `folder` and `data`; nothing is shared with another dockerd."""
    return [
        "dockerd",
        f"--host=unix://{folder}/docker.sock",
        f"--data-root={data}",
        f"--exec-root={folder}/run",
        f"--pidfile={folder}/docker.pid",
        f"--config-file={folder}/daemon.json",
        "--shutdown-timeout=5",
        "--log-level=warn",
    ]


def forwarding(listening: str, target: str) -> list[str]:
    return ["socat", f"{listening},fork", target]


def ssh_config(home: Path) -> str:
    return (
        f"Host *\n  IdentityFile {home}/id_ed25519\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {home}/known_hosts\n"
    )


def sshd_config(folder: Path, address: str) -> str:
    """`docker system dial-stdio` over SSH has to find this engine, not the machine's."""
    return (
        f"ListenAddress {address}:22\nHostKey {folder}/sshd/host\n"
        f"AuthorizedKeysFile {folder}/sshd/authorized\nPidFile none\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\nStrictModes no\n"
        f"SetEnv DOCKER_HOST=unix://{folder}/docker.sock\n"
    )


@contextmanager
def second_engine(registry_port: int, *, disk: str | None = None) -> Iterator[SecondEngine]:
    """An engine that answers and finds the registry. `disk` is the size of a file system of its
    own for its data ("700m"), the machine's otherwise."""
    have_packages()
    folder = Path(
        tempfile.mkdtemp(prefix="fl-", dir="/tmp")
    )  # a socket's path is 107 bytes at most
    made = _joined(folder)
    try:
        with _disk(made.data, disk):
            try:
                made.forward(registry_port)
                made.start()
                yield made
            finally:
                made.clean()
    finally:
        _removed(folder)


def have_packages() -> None:
    """sshd is needed as a program only: where systemd runs, it is not to become a service."""
    if Path("/run/systemd/system").exists() and not is_installed("openssh-server"):
        _call("systemctl", "mask", "ssh.service", "ssh.socket")
    ensure_debian_packages(PACKAGES, print)


def _joined(folder: Path) -> SecondEngine:
    """A network namespace and the pair of interfaces that joins it to this machine."""
    name = f"fl{uuid.uuid4().hex[:8]}"
    network = ipaddress.ip_network((0x0AC80000 + random.randrange(0, 2**19, 4), 30))
    here, there = (str(address) for address in network.hosts())
    inside = ["ip", "-n", name]
    for command in (
        ["ip", "netns", "add", name],
        ["ip", "link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}n"],
        ["ip", "link", "set", f"{name}n", "netns", name],
        ["ip", "address", "add", f"{here}/30", "dev", f"{name}h"],
        ["ip", "link", "set", f"{name}h", "up"],
        [*inside, "address", "add", f"{there}/30", "dev", f"{name}n"],
        [*inside, "link", "set", f"{name}n", "up"],
        [*inside, "link", "set", "lo", "up"],
        [*inside, "route", "add", "default", "via", here],
    ):
        _call(*command)
    (folder / "daemon.json").write_text("{}")
    (folder / "data").mkdir()
    return SecondEngine(name, folder, here, there, folder / "data")


@contextmanager
def _disk(data: Path, size: str | None) -> Iterator[None]:
    if size is None:
        yield
        return
    _call("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(data))
    try:
        yield
    finally:
        _call("umount", str(data))


def _removed(folder: Path) -> None:
    """What an engine that was killed left mounted goes first."""
    left = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mounted in reversed([path for path in left if path.startswith(f"{folder}/")]):
        _call("umount", "-l", mounted)
    shutil.rmtree(folder)


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
