"""The receiver: an ASGI application that takes what GitHub delivers.

A delivery is in the store before it is answered, because GitHub does not deliver again by itself.
https://docs.github.com/en/webhooks/using-webhooks/handling-webhook-deliveries
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fairlead.config import Config
from fairlead.dispatch.body import body_of, let_go
from fairlead.dispatch.events import Event, Ignored, read
from fairlead.dispatch.limits import Rate, Room
from fairlead.dispatch.openapi import DOCUMENT, PATH
from fairlead.dispatch.policy import decide
from fairlead.dispatch.problems import (
    MEDIA_TYPE,
    Problem,
    not_json,
    not_signed,
    too_many,
    unavailable,
    unreadable,
)
from fairlead.dispatch.signature import HEADER, is_signature, is_signed
from fairlead.dispatch.starter import Starter
from fairlead.dispatch.waiting import Waiting
from fairlead.errors import StoreBehind, StoreUnreachable
from fairlead.model import Delivery, DeliveryState, Wish

LOG = logging.getLogger("fairlead.dispatch")
ROOM = 64 * 1_048_576  # bytes of bodies at once
STORE_SECONDS = 4.0  # with the body's 4 and these 1.5 still within GitHub's ten
START_SECONDS = 1.5
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COPY = "This body came before, as another delivery. To ask once more, say another reason."
UNVERIFIED = {HTTPStatus(code) for code in (401, 408, 413, 415, 503)}  # 503: no room for the body


class Receiver:
    """`secrets` are the webhook's: each of them is right."""

    def __init__(self, config: Config, secrets: Sequence[SecretStr], starter: Starter) -> None:
        assert config.dispatch is not None
        self._config, self._secrets, self._rules = config, secrets, config.dispatch
        self._starter, self._waiting = starter, Waiting(starter)
        self._room = Room(max(ROOM, self._rules.body_limit))
        self._taken, self._failed = Rate(self._rules.rate), Rate(self._rules.rate)
        self._threads = ThreadPoolExecutor(4, "store")  # as many as the store has connections

    def app(self) -> Starlette:
        routes = [
            Route(PATH, self._deliver, methods=["POST"]),
            Route("/openapi.json", lambda _: JSONResponse(DOCUMENT), methods=["GET"]),
        ]
        handlers: Any = {HTTPException: _not_here, Problem: self._refuse}
        return Starlette(routes=routes, exception_handlers=handlers, lifespan=self._working)

    @asynccontextmanager
    async def _working(self, _: Starlette) -> AsyncIterator[None]:
        work = asyncio.create_task(self._waiting.work())
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        self._threads.shutdown(cancel_futures=True)

    async def _deliver(self, request: Request) -> Response:
        try:
            event = await self._event(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
        if isinstance(event, Ignored):
            return JSONResponse(ignored(event))
        guid = request.headers.get("X-GitHub-Delivery", "").lower()
        if not GUID.fullmatch(guid):
            raise unreadable("X-GitHub-Delivery has to be a GUID.")
        wish = decide(self._config, event, guid)
        return JSONResponse(ignored(wish)) if isinstance(wish, Ignored) else await self._keep(wish)

    async def _event(self, request: Request) -> Event | Ignored:
        """What a signed delivery says. Nothing of it is looked at before the signature is."""
        if problem := _unfit(request):
            await let_go(request.stream(), self._rules.body_limit)
            raise problem
        body = await body_of(request, self._rules.body_limit, self._room)
        if not is_signed(body, request.headers[HEADER], self._secrets):
            raise not_signed()
        if wait := self._taken.wait():
            raise too_many(wait)
        name = request.headers.get("X-GitHub-Event", "")
        if not re.fullmatch(r"[a-z_]{1,100}", name):
            raise unreadable("X-GitHub-Event has to name an event.")
        return Ignored("The signature is right.") if name == "ping" else read(name, body)

    async def _keep(self, wish: Wish) -> Response:
        with self._waiting.expecting(wish.guid) as outcome:
            delivery, new = await self._kept(wish)
            if new:
                LOG.info("%s: %s of %s", delivery.request, wish.event, wish.actor)
                delivery = await self._waiting.outcome(delivery, outcome, START_SECONDS)
        return self._answer(delivery, new, wish.guid)

    async def _kept(self, wish: Wish) -> tuple[Delivery, bool]:
        keep, loop = self._starter.deliveries.keep, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return await loop.run_in_executor(self._threads, keep, self._config.project, wish)
        except (StoreUnreachable, TimeoutError) as error:
            why = error.message if isinstance(error, StoreUnreachable) else "it takes too long."
            LOG.warning("%s is not kept: %s", wish.guid, why)
            raise unavailable("The store is away. Deliver again when it is back.") from error
        except StoreBehind as error:
            LOG.warning("%s is not kept: %s %s", wish.guid, error.message, error.next_step)
            raise unavailable("The store is behind. Deliver again when that is mended.") from error

    def _answer(self, delivery: Delivery, new: bool, guid: str) -> Response:
        """202 for a new one; a redelivery, or its body under another GUID, is answered with the
        same run."""
        if delivery.state is DeliveryState.REFUSED:
            raise unreadable(delivery.problem or "")
        run, same = delivery.flow_run, delivery.guid == guid
        address = self._starter.runs.address(run) if run else None
        return JSONResponse(
            {
                "delivery": delivery.guid,
                "state": delivery.state,
                "environment": delivery.environment,
                "sha": delivery.sha,
                "run": run,
                "address": address,
                "problem": delivery.problem if same else COPY,
            },
            HTTPStatus.ACCEPTED if new else HTTPStatus.OK,
            {"Location": address} if address else None,
        )

    async def _refuse(self, _: Request, problem: Problem) -> Response:
        """In the log there is nothing of what was sent, and no more lines than the rate."""
        if problem.status in UNVERIFIED and (wait := self._failed.wait()):
            return _told(too_many(wait))
        LOG.warning("%d %s", problem.status, problem.detail)
        return _told(problem)


def ignored(what: Ignored) -> dict[str, str]:
    return {"state": "ignored", "why": what.why}


def _unfit(request: Request) -> Problem | None:
    """What is wrong before there is a body."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return not_json()
    return None if is_signature(request.headers.get(HEADER, "")) else not_signed()


async def _not_here(_: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    status = HTTPStatus(error.status_code)
    return _told(Problem(status, f"GitHub delivers to POST {PATH}.", headers))


def _told(problem: Problem) -> Response:
    return JSONResponse(problem.body(), problem.status, dict(problem.headers), MEDIA_TYPE)
