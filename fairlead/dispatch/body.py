"""The body of a request, read as it comes and never beyond what is allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import ClientDisconnect, Request

from fairlead.dispatch.limits import Room
from fairlead.dispatch.problems import Problem, too_large, too_slow, unavailable

SECONDS = 4.0  # for the whole body; GitHub waits ten for its answer
LEFT_OVER = 1.0  # seconds to take what is still sent after a refusal


@asynccontextmanager
async def body_of(request: Request, limit: int, room: Room) -> AsyncIterator[bytes]:
    """The whole body, whose place in `room` is kept until the block ends.

    Raises Problem: 413 beyond `limit` bytes, 408 when it comes too slowly, 503 without room; and
    ClientDisconnect.
    """
    body = bytearray()
    try:
        await _read(request, body, limit, room)
        yield bytes(body)
    finally:
        room.give_back(len(body))


async def _read(request: Request, body: bytearray, limit: int, room: Room) -> None:
    stream = request.stream()
    try:
        if int(request.headers.get("Content-Length", "0")) > limit:
            raise too_large(limit)
        async with asyncio.timeout(SECONDS):
            async for part in stream:
                if len(body) + len(part) > limit:
                    raise too_large(limit)
                if not room.take(len(part)):
                    raise unavailable("Too many bodies at once.")
                body += part
    except TimeoutError as error:
        raise too_slow(SECONDS) from error
    except Problem:
        await let_go(stream, limit)
        raise


async def let_go(stream: AsyncIterator[bytes], limit: int) -> None:
    """Take what is still being sent, within limits, and keep none of it: who is cut off while
    sending may never see the answer."""
    left = 4 * limit
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(LEFT_OVER):
            async for part in stream:
                left -= len(part)
                if left < 0:
                    return
