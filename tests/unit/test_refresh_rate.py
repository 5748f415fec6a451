"""The token bucket, on a clock of the test's own."""

from fairlead.database.refresh.rate import Bucket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_is_taken_takes_its_time() -> None:
    clock = Clock()
    bucket = Bucket(1000, clock, clock.sleep)
    for count in (100, 1, 899, 1000):
        bucket.take(count)
    assert round(clock.now, 9) == 102


def test_time_without_use_is_not_saved_up() -> None:
    clock = Clock()
    bucket = Bucket(1000, clock, clock.sleep)
    clock.now += 60
    bucket.take(500)
    assert round(clock.now, 9) == 160.5


def test_all_who_take_share_it() -> None:
    clock = Clock()
    slept: list[float] = []
    bucket = Bucket(1000, clock, slept.append)  # each of them at the same moment
    for _ in range(3):
        bucket.take(100)
    assert [round(seconds, 9) for seconds in slept] == [0.1, 0.2, 0.3]
