"""The same change on several hosts: at once, or batch after batch."""

from collections.abc import Callable, Iterator, Sequence

from fairlead.engine.at_once import at_once
from fairlead.engine.site import Site
from fairlead.engine.target import Target


def batches(sites: Sequence[Site], size: int) -> Iterator[Sequence[Site]]:
    for start in range(0, len(sites), size):
        yield sites[start : start + size]


def put_back(
    sites: Sequence[Site], failed: int, previous: Target | None, say: Callable[[str], None]
) -> None:
    """Have every host run `previous` again and nothing of the release `failed`.

    Without a previous one nothing is left but what was there before: no container, no proxy, no
    network. Every host is tried, also when one fails; then the first error is raised.
    """

    def one(site: Site) -> None:
        site.interrupt()
        site.connect_again()
        site.end_jobs()
        if previous is None:
            site.clear(say)
            return
        if failed != previous.origin:
            site.prepare(previous.config)
            site.start(previous, say)
            site.switch(previous, say)
            site.remove(failed, say)

    at_once(one, sites)
