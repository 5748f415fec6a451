"""The starter beside the requests: it looks whenever something came, and else once a second."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fairlead.dispatch.starter import Starter
from fairlead.errors import FairleadError
from fairlead.model import Delivery, DeliveryState
from fairlead.plain import plain

LOG = logging.getLogger("fairlead.dispatch")
PAUSE = 1.0  # seconds between two looks: another receiver may have died over a delivery


class Waiting:
    """Everything happens in the event loop's thread, but for the steps themselves."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self._came = asyncio.Event()
        self._expected: dict[str, asyncio.Future[Delivery]] = {}

    async def work(self) -> None:
        """For ever."""
        while True:
            self._came.clear()
            delivery = await self._step()
            if delivery is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._came.wait(), PAUSE)
            elif delivery.guid in self._expected and not self._expected[delivery.guid].done():
                self._expected[delivery.guid].set_result(delivery)

    async def _step(self) -> Delivery | None:
        try:
            return await asyncio.to_thread(self._starter.step)
        except FairleadError as error:
            LOG.warning("%s", plain(error.message))
        except Exception:  # nobody else would start what waits
            LOG.exception("What waits was not started")
        await asyncio.sleep(PAUSE)
        return None

    @contextmanager
    def expecting(self, guid: str) -> Iterator[asyncio.Future[Delivery]]:
        """The future of how its first try ends. Begun before the delivery is in the store, so
        that no try is missed."""
        mine = guid not in self._expected
        outcome = self._expected.setdefault(guid, asyncio.get_running_loop().create_future())
        try:
            yield outcome
        finally:
            if mine:
                del self._expected[guid]

    async def outcome(
        self, delivery: Delivery, outcome: "asyncio.Future[Delivery]", seconds: float
    ) -> Delivery:
        """As it is after its first try, or as it is now when that takes longer."""
        if delivery.state is not DeliveryState.WAITING:
            return delivery
        self._came.set()
        done, _ = await asyncio.wait([outcome], timeout=seconds)
        return outcome.result() if done else delivery
