"""The application of the integration tests: one file, real HTTP, ends well on SIGTERM.

What it does wrong is baked into its image: BEHAVIOUR is `good`, `exits` (at once, with 3), `sick`
(its health never comes), `waits` (it comes with a file /go), `bug` (/ answers 500 while its health
is fine), `deaf` (ignores SIGTERM), `tells` (prints its whole environment and exits with 3),
`blurts` (/ answers 500 and all of it), `picky` (exits with 3 where there is a file /data/broken).
`python3 app.py migrate` does what MIGRATE says: `good`, `fail` (exit code 7), `hang`, `waits` (for
a file /go), `shout` (prints its whole environment and succeeds), `silent` (does not say what).
"""

import base64
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

BEHAVIOUR = os.environ.get("BEHAVIOUR", "good")
VERSION = os.environ.get("VERSION", "?")
GO = Path("/go")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/healthz" and BEHAVIOUR == "sick":
            self.answer(503, "sick")
        elif url.path == "/healthz" and BEHAVIOUR == "waits" and not GO.exists():
            self.answer(503, "waits")
        elif url.path == "/healthz":
            self.answer(200, "well")
        elif url.path == "/slow":
            time.sleep(float(parse_qs(url.query)["seconds"][0]))
            self.answer(200, VERSION)
        elif url.path == "/file":
            self.answer(200, Path(parse_qs(url.query)["path"][0]).read_text())
        elif url.path == "/headers":
            self.answer(200, json.dumps(dict(self.headers)))
        elif url.path == "/environment":
            self.answer(200, json.dumps(sorted(os.environ)))
        elif url.path == "/talk":
            self.talk()
        elif BEHAVIOUR == "blurts":
            self.answer(500, everything())
        elif BEHAVIOUR == "bug":
            self.answer(500, "a bug")
        else:
            self.answer(200, VERSION)

    def answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def talk(self) -> None:
        """What a WebSocket is for a proxy: no HTTP from here on, and no end. Each line is answered
        by the version."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "lines")
        self.end_headers()
        while self.rfile.readline():
            self.wfile.write(f"{VERSION}\n".encode())
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for what is under way
    request_queue_size = 128


def everything() -> str:
    """The whole environment, as JSON, as it is, and in base64; the secrets first."""
    found = dict(
        sorted(os.environ.items(), key=lambda item: item[0] not in ("APP_KEY", "DATABASE_URL"))
    )
    plain = " ".join(f"{name}={value}" for name, value in found.items())
    return f"{plain} {json.dumps(found)} {base64.b64encode(plain.encode()).decode()}"


def serve() -> None:
    print(f"version {VERSION} starts, {BEHAVIOUR}", flush=True)
    if BEHAVIOUR == "exits" or (BEHAVIOUR == "picky" and Path("/data/broken").exists()):
        print("cannot go on: no configuration", flush=True)
        sys.exit(3)
    if BEHAVIOUR == "tells":
        print(everything(), flush=True)
        sys.exit(3)
    server = Server(("", 8000), Handler)

    def end(*_: object) -> None:
        if BEHAVIOUR != "deaf":
            threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    server.serve_forever(poll_interval=0.05)
    server.server_close()


def work() -> None:
    """A worker without a port: it says so every second."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if BEHAVIOUR == "exits":
        sys.exit(3)
    while True:
        print(f"version {VERSION} works", flush=True)
        time.sleep(1)


def migrate() -> None:
    wanted = os.environ.get("MIGRATE", "good")
    if wanted != "silent":
        print(f"  Applying app.{VERSION}... OK", flush=True)
    if wanted == "shout":
        print(everything(), flush=True)
        print("to stderr: " + repr(dict(os.environ)), file=sys.stderr, flush=True)
    if wanted == "fail":
        # Not to stderr: the engine keeps no order between the two.
        print("ERROR: column app.price does not exist", flush=True)
        sys.exit(7)
    if wanted == "hang":
        time.sleep(3600)
    while wanted == "waits" and not GO.exists():
        time.sleep(0.05)


if __name__ == "__main__":
    {"serve": serve, "work": work, "migrate": migrate}[(sys.argv[1:] or ["serve"])[0]]()
