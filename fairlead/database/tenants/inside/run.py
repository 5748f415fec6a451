"""All tenants that are behind: canaries, those that are like them, and what they have become."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, ContextManager, Dict, List, NamedTuple, Optional, Set

from . import catalog, graph, project, script, signals
from .attempt import FAILED, Outcome, attempt
from .canary import Canary
from .connections import Connections
from .events import tell
from .follower import Replay, follow
from .ledger import Ledger
from .pool import Submit, Work, forked, side_by_side, threads
from .project import Tenant
from .recipe import Recipe
from .states import LINES, State, read


class Way(NamedTuple):
    """How the tenants of one state go: `body` is the SQL for each of those `left` where nothing
    but SQL is needed, `changed` the relations that it changes."""

    state: State
    recipe: Recipe
    body: Optional[str]
    left: List[Tenant]
    changed: Set[str]


class Run:
    """`parallel` connections; `lock_timeout` is in seconds and for one attempt, of which there are
    `attempts` for each tenant."""

    def __init__(
        self, parallel: int, max_failures: int, lock_timeout: float, attempts: int,
        canaries: List[str],
    ) -> None:  # fmt: skip
        self.parallel, self.lock = parallel, lock_timeout
        self.max_failures, self.attempts, self.canaries = max_failures, attempts, canaries
        self.ledger = Ledger(0, max_failures, attempts, canaries)

    def tenants(self) -> None:
        with Connections(self.parallel) as free:
            found = read(free, project.tenants())
            behind = sum(len(state.tenants) for state in found.states) + len(found.missing)
            self.ledger = Ledger(behind, self.max_failures, self.attempts, self.canaries)
            tell("begun", behind=behind, at_head=found.at_head, states=len(found.states))
            for tenant in found.missing:
                told = Outcome(tenant, FAILED, 0.0, "it has no schema in the database")
                self.ledger.fail(told, 1)
            self._bring(free, found.states)

    def _bring(self, free: Connections, states: List[State]) -> None:
        if not signals.none_strange_before():
            self._named_by_stock(states)
            self._in_processes({one: _stock(state) for state in states for one in state.tenants})
            return
        ways = self._ways(free, states)
        free.close()
        self._in_processes(
            {
                tenant: partial(follow, way.recipe, self.lock)
                for way in ways
                if way.body is None
                for tenant in way.left
            }
        )
        self._compare(free, ways)

    def _ways(self, free: Connections, states: List[State]) -> List[Way]:
        """The canaries that the config names go first. Then the canary of a state goes while the
        tenants of the states before it are replayed."""
        named = [self._named(state) for state in states]
        ways: List[Way] = []
        with ThreadPoolExecutor(1) as beside:
            replayed = []
            for at, state in enumerate(states):
                way = self._way(free, state, named[at])
                ways += [way] if way else []
                if way and way.body is not None:
                    replayed.append(beside.submit(self._replay, free, way, way.body))
        for done in replayed:
            done.result()
        return ways

    def _named(self, state: State) -> Optional[Recipe]:
        recipe: Optional[Recipe] = None
        for tenant in self._take_named(state):
            if not self.ledger.going_on():
                break
            if recipe is None:
                recipe = self._canary(state, tenant)
            else:
                self._patiently(tenant, partial(follow, recipe, self.lock))
        return recipe

    def _named_by_stock(self, states: List[State]) -> None:
        named = [(one, _stock(state)) for state in states for one in self._take_named(state)]
        for tenant, work in named:
            if self.ledger.going_on():
                self._patiently(tenant, work)

    def _take_named(self, state: State) -> List[Tenant]:
        named = [tenant for tenant in state.tenants if tenant.schema in self.canaries]
        state.tenants[:] = [tenant for tenant in state.tenants if tenant not in named]
        return named

    def _way(self, free: Connections, state: State, recipe: Optional[Recipe]) -> Optional[Way]:
        # A short name may be found in the SQL where it means something else.
        waiting = sorted(state.tenants, key=lambda tenant: len(tenant.schema))
        while recipe is None and waiting and self.ledger.going_on():
            recipe = self._canary(state, waiting.pop())
        if recipe is None:
            return None
        here = set(waiting)
        left = [tenant for tenant in state.tenants if tenant in here]
        return Way(state, recipe, script.body(recipe), left, _changed(free, recipe, left))

    def _replay(self, free: Connections, way: Way, body: str) -> None:
        work = Replay(way.recipe, body, self.lock, free)
        self._side_by_side(threads(work, self.parallel), way.left)

    def _in_processes(self, works: Dict[Tenant, Work]) -> None:
        """Forked only once all canaries are through and no thread is at work."""
        if not works:
            return
        processes = min(self.parallel, len(works))
        try:
            self._side_by_side(forked(lambda tenant: works[tenant](tenant), processes), list(works))
        except BrokenProcessPool:
            self.ledger.stop("a process died")

    def _side_by_side(self, pool: ContextManager[Submit], tenants: List[Tenant]) -> None:
        if not tenants or not self.ledger.going_on():
            return
        with pool as submit:
            most = self.parallel + 1  # one is ready for whoever ends first
            side_by_side(submit, tenants, most, self.ledger.take, self.ledger.going_on)

    def _canary(self, state: State, tenant: Tenant) -> Optional[Recipe]:
        made: Dict[str, Recipe] = {}

        def work(tenant: Tenant) -> Outcome:
            found = graph.pending(project.connection(), state.had.migrations)
            canary = Canary(tenant, state.had, found, self.lock)
            outcome, recipe = attempt(tenant, canary, canary.migrate)
            if recipe is not None:
                made["recipe"] = recipe
            return outcome

        self._patiently(tenant, work)
        if "recipe" in made:
            _tell_recipe(tenant, made["recipe"])
        return made.get("recipe")

    def _patiently(self, tenant: Tenant, work: Any) -> None:
        """One tenant in this process, as often as it takes."""
        again: Optional[float] = 0.0
        number = 0
        while again is not None:
            time.sleep(again)
            number += 1
            again = self.ledger.take(work(tenant), number)

    def _compare(self, free: Connections, ways: List[Way]) -> None:
        """What was changed looks like that of the canary it was made like, unless SQL of the
        project sees to it."""
        done = {tenant.schema for tenant in self.ledger.done}
        canaries = [way.recipe.canary for way in ways]
        names = set().union(*(way.changed for way in ways))
        prints = catalog.fingerprints(free, [*canaries, *done.difference(canaries)], names)
        for way in ways:
            usual = way.recipe.canary
            here = [tenant.schema for tenant in way.left if tenant.schema in done]
            odd = [schema for schema in here if prints[schema] != prints[usual]]
            if odd:
                lines = catalog.difference(project.connection(), usual, odd[0])[:LINES]
                tell("differs", tenants=odd, usual=usual, lines=lines)


def _changed(free: Connections, recipe: Recipe, left: List[Tenant]) -> Set[str]:
    """Before, the canary was like those that are left."""
    if not left:
        return set()
    with free.one() as connection:  # it has read the catalog already
        return catalog.changed(connection, recipe.canary, left[0].schema)


def _stock(state: State) -> Work:
    return partial(stock, state.had.has_table)


def stock(has_table: bool, tenant: Tenant) -> Outcome:
    """For projects that do something of their own before the migrations of each tenant: Django's
    signal gives them the plan, which they may change."""
    from django.core.management import call_command

    def run() -> None:
        given = {"tenant": True, "schema_name": tenant.schema, "interactive": False}
        with graph.table_known(has_table):
            call_command("migrate_schemas", verbosity=0, **given)

    return attempt(tenant, None, run, signals_sent=True)[0]


def _tell_recipe(tenant: Tenant, recipe: Recipe) -> None:
    steps = [step for segment in recipe.segments for step in segment.steps]
    tell(
        "recipe",
        canary=tenant.schema,
        replayed=[step.name for step in steps if step.sql is not None],
        by_django={step.name: step.why for step in steps if step.sql is None},
        permissions="replayed" if recipe.permissions is not None else "by Django",
    )
