"""The users of benchmarks/traffic, in a process of their own so that nothing holds them up.

Requests are begun when they are due, whatever became of those before (an open model), over
connections that are kept alive; nothing is tried again.
"""

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType

import aiohttp

REQUEST, STAYS = "request", "WebSocket that stays"
SLOW, CONVERSATION = 5.0, 3.0  # seconds
SMALL = 1000  # bytes
UPLOAD, CHUNKS = 1_000_000, 20  # bytes, sent in so many pieces over two seconds
SAID_EVERY = 0.1  # seconds, in a WebSocket
EVENTS = 20  # of a stream, as app/app.py sends them


@dataclass(frozen=True, slots=True)
class Asked:
    """One of `kind`; `problem` is why it was lost, or empty. Seconds since the epoch; it `began`
    when it was due."""

    kind: str
    began: float
    ended: float
    problem: str

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Users:
    """Where they go, and how many requests of each kind they begin in a second."""

    base: str
    host: str
    rate: float
    refused: float = 20
    slow: float = 2
    uploads: float = 1
    streams: float = 1
    conversations: float = 1
    stayers: int = 3  # WebSockets that nobody ends but the application


class Traffic:
    """All of them, while the block runs; `asked` is complete when it is left."""

    def __init__(self, users: Users) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_work, args=(users, there))
        self.asked: list[Asked] = []

    def __enter__(self) -> "Traffic":
        self._process.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._here.send("end")
        self.asked = self._here.recv()
        self._process.join()


def _work(users: Users, there: Connection) -> None:
    there.send(asyncio.run(_all(users, there)))


async def _all(users: Users, there: Connection) -> list[Asked]:
    found: list[Asked] = []
    end = asyncio.Event()
    asyncio.get_running_loop().add_reader(there.fileno(), end.set)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    limit = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(
        users.base, headers={"Host": users.host}, connector=connector, timeout=limit
    ) as session:
        kinds: list[tuple[str, float, Callable[[aiohttp.ClientSession], Awaitable[str]]]] = [
            (REQUEST, users.rate, _request),
            (f"POST of {SMALL} bytes, answered unread", users.refused, _refused),
            (f"answer after {SLOW:g} s", users.slow, _slow),
            (f"upload of {UPLOAD / 1e6:g} MB in 2 s", users.uploads, _upload),
            ("server-sent stream of 4 s", users.streams, _stream),
            (f"WebSocket of {CONVERSATION:g} s", users.conversations, _conversation),
        ]
        async with asyncio.TaskGroup() as group:
            for name, rate, ask in kinds:
                group.create_task(_steadily(group, found, end, name, 1 / rate, ask, session))
            for _ in range(users.stayers):
                group.create_task(_stay(found, end, session))
    return found


async def _steadily(
    group: asyncio.TaskGroup,
    found: list[Asked],
    end: asyncio.Event,
    kind: str,
    pause: float,
    ask: Callable[[aiohttp.ClientSession], Awaitable[str]],
    session: aiohttp.ClientSession,
) -> None:
    began = time.time()
    for number in itertools.count():
        due = began + number * pause
        await asyncio.sleep(max(0.0, due - time.time()))
        if end.is_set():
            return
        group.create_task(_noted(found, kind, due, ask(session)))


async def _noted(found: list[Asked], kind: str, due: float, asking: Awaitable[str]) -> None:
    try:
        problem = await asking
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        problem = repr(error)
    found.append(Asked(kind, due, time.time(), problem))


async def _request(session: aiohttp.ClientSession) -> str:
    async with session.get("/") as answer:
        await answer.read()
        return _said(answer)


async def _refused(session: aiohttp.ClientSession) -> str:
    async with session.post("/refuse", data=bytes(SMALL)) as answer:
        await answer.read()
        return _said(answer)


async def _slow(session: aiohttp.ClientSession) -> str:
    async with session.get("/slow", params={"seconds": f"{SLOW:g}"}) as answer:
        await answer.read()
        return _said(answer)


async def _upload(session: aiohttp.ClientSession) -> str:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(CHUNKS):
            yield bytes(UPLOAD // CHUNKS)
            await asyncio.sleep(2 / CHUNKS)

    async with session.post("/upload", data=pieces()) as answer:
        text = await answer.text()
        return _said(answer) or ("" if text == str(UPLOAD) else f"{text} bytes came")


async def _stream(session: aiohttp.ClientSession) -> str:
    async with session.get("/stream") as answer:
        text = await answer.text()
        events = text.count("data: ")
        return _said(answer) or ("" if events == EVENTS else f"{events} of {EVENTS} events came")


async def _conversation(session: aiohttp.ClientSession) -> str:
    async with session.ws_connect("/talk") as socket:
        for _ in range(round(CONVERSATION / SAID_EVERY)):
            if problem := await _say(socket):
                return problem
            await asyncio.sleep(SAID_EVERY)
    return ""


async def _stay(found: list[Asked], end: asyncio.Event, session: aiohttp.ClientSession) -> None:
    """A browser's WebSocket, opened again at once when it has been closed: what is noted is each
    closing, until a word is answered again."""
    closed = None
    while not end.is_set():
        try:
            async with session.ws_connect("/talk") as socket:
                while not end.is_set() and not await _say(socket):
                    if closed is not None:
                        found.append(Asked(STAYS, closed, time.time(), ""))
                        closed = None
                    await asyncio.sleep(SAID_EVERY)
        except (aiohttp.ClientError, TimeoutError, OSError):
            await asyncio.sleep(0.05)
        closed = closed or time.time()


async def _say(socket: aiohttp.ClientWebSocketResponse) -> str:
    """Why there was no answer, or nothing."""
    await socket.send_str("hello")
    message = await socket.receive()
    return "" if message.type is aiohttp.WSMsgType.TEXT else f"closed: {socket.close_code}"


def _said(answer: aiohttp.ClientResponse) -> str:
    return "" if answer.status == 200 else f"{answer.status} {answer.reason}"
