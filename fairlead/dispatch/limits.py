"""How much is taken at once: a rate, and room for bodies."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Rate:
    """So many in a minute, all of them at once or one after the other: a token bucket, two
    numbers however many come."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._left = float(per_minute), float(per_minute)
        self._now, self._seen = now, now()

    def wait(self) -> int:
        """0 and one less is left, or after how many whole seconds to come again."""
        now = self._now()
        gained = (now - self._seen) * self._most / 60
        self._left, self._seen = min(self._most, self._left + gained), now
        if self._left >= 1:
            self._left -= 1
            return 0
        return max(1, math.ceil((1 - self._left) * 60 / self._most))


@dataclass(eq=False)
class Place:
    """That of one body: `give_way` is called when it is `lost`."""

    give_way: Callable[[], None]
    body: bytearray = field(default_factory=bytearray)
    lost: bool = False


class Room:
    """Bytes of bodies that nobody has verified yet, of all requests together.

    Anybody can send such a body, and slowly. So where there is no room, the one that has been
    coming for longest gives way: those of GitHub come at once.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._places: dict[Place, None] = {}  # the oldest first

    @contextmanager
    def place(self, give_way: Callable[[], None]) -> Iterator[Place]:
        """A place for one body, until the block ends; after that it is empty."""
        place = Place(give_way)
        self._places[place] = None
        try:
            yield place
        finally:
            self._empty(place)

    def add(self, place: Place, part: bytes) -> bool:
        """False when the place is lost, and nothing is in it."""
        while len(part) > self._free and not place.lost:
            oldest = next(iter(self._places))
            oldest.lost = True
            self._empty(oldest)
            oldest.give_way()
        if place.lost:
            return False
        self._free -= len(part)
        place.body += part
        return True

    def _empty(self, place: Place) -> None:
        self._places.pop(place, None)
        self._free += len(place.body)
        place.body.clear()
