"""The application of benchmarks/traffic: every kind of request, answered by its version."""

import asyncio
import os
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

VERSION = os.environ["VERSION"]
EVENTS, PAUSE = 20, 0.2  # of a stream; seconds


async def version(request: Request) -> Response:
    return PlainTextResponse(VERSION)


async def slow(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse(VERSION)


async def refuse(request: Request) -> Response:
    """Before anything of the body is read, as an application refuses."""
    return PlainTextResponse(VERSION)


async def upload(request: Request) -> Response:
    """How many bytes came."""
    return PlainTextResponse(str(sum([len(chunk) async for chunk in request.stream()])))


async def stream(request: Request) -> Response:
    async def events() -> AsyncIterator[str]:
        for number in range(EVENTS):
            yield f"id: {number}\ndata: {VERSION}\n\n"
            await asyncio.sleep(PAUSE)

    return StreamingResponse(events(), media_type="text/event-stream")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    async for _ in socket.iter_text():
        await socket.send_text(VERSION)


ROUTES = [
    Route("/", version),
    Route("/healthz", version),
    Route("/slow", slow),
    Route("/refuse", refuse, methods=["POST"]),
    Route("/upload", upload, methods=["POST"]),
    Route("/stream", stream),
    WebSocketRoute("/talk", talk),
]

if __name__ == "__main__":
    uvicorn.run(Starlette(routes=ROUTES), host="0.0.0.0", port=8000, log_level="warning")
