"""The body of a request, read as it comes and never beyond what is allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request

from fairlead.dispatch.limits import Room
from fairlead.dispatch.problems import Problem, too_large, too_slow, unavailable

SECONDS = 4.0  # for the whole body; GitHub waits ten for its answer
LEFT_OVER = 1.0  # seconds to take what is still sent after a refusal


async def body_of(request: Request, limit: int, room: Room) -> bytes:
    """The whole body. What has come of it has a place in `room` until it is whole.

    Raises Problem: 413 beyond `limit` bytes, 408 when it comes too slowly, 503 when there is no
    room for it any more; and ClientDisconnect.
    """
    stream = request.stream()
    try:
        if int(request.headers.get("Content-Length", "0")) > limit:
            raise too_large(limit)
        return await _whole(stream, limit, room)
    except Problem:
        await let_go(stream, limit)
        raise


async def _whole(stream: AsyncIterator[bytes], limit: int, room: Room) -> bytes:
    try:
        async with asyncio.timeout(SECONDS) as deadline:
            with room.place(lambda: _end(deadline)) as place:
                async for part in stream:
                    if len(place.body) + len(part) > limit:
                        raise too_large(limit)
                    if not room.add(place, part):
                        raise _no_room()
                return bytes(place.body)
    except TimeoutError as error:
        raise (_no_room() if place.lost else too_slow(SECONDS)) from error


def _end(deadline: asyncio.Timeout) -> None:
    if not deadline.expired():
        deadline.reschedule(0)


def _no_room() -> Problem:
    return unavailable("Too many bodies at once.")


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
