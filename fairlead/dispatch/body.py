"""The body of a request, read as it comes and never beyond what is allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import ClientDisconnect, Request

from fairlead.dispatch.limits import Room
from fairlead.dispatch.problems import too_large, too_slow, unavailable

SECONDS = 4.0  # for the whole body; GitHub waits ten for its answer
LEFT_OVER = 1.0  # seconds to take what is still sent after a refusal


@asynccontextmanager
async def body_of(request: Request, limit: int, room: Room) -> AsyncIterator[bytes]:
    """The whole body, whose place in `room` is kept until the block ends.

    Raises Problem: 413 beyond `limit` bytes, 408 when it comes too slowly, 503 without room; and
    ClientDisconnect.
    """
    if int(request.headers.get("Content-Length", "0")) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                _make_room(parts, part, limit, room)
        yield b"".join(parts)
    except TimeoutError as error:
        raise too_slow(SECONDS) from error
    finally:
        room.give_back(sum(map(len, parts)))


def _make_room(parts: list[bytes], part: bytes, limit: int, room: Room) -> None:
    if sum(map(len, parts)) + len(part) > limit:
        raise too_large(limit)
    if not room.take(len(part)):
        raise unavailable("Too many bodies at once.")
    parts.append(part)


async def let_go(request: Request, limit: int) -> None:
    """Take what is still being sent, within limits, and keep none of it: who is cut off while
    sending may never see the answer."""
    left = 4 * limit
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(LEFT_OVER):
            async for part in request.stream():
                left -= len(part)
                if left < 0:
                    return
