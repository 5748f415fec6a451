"""How much is taken at once: a rate, and room for bodies."""

import math
import time
from collections.abc import Callable


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


class Room:
    """Bytes of bodies that nobody has verified yet, of all requests together."""

    def __init__(self, size: int) -> None:
        self._free = size

    def take(self, size: int) -> bool:
        """False, and nothing is taken, when there is no room."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def give_back(self, size: int) -> None:
        self._free += size
