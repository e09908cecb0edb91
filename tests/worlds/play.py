"""Plays a world through the real deeds, over a real socket and a real database file."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from meta_autonomous.adapters.database import Database
from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.adapters.notify import Silence
from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.operations import creatives, execute, switches
from meta_autonomous.operations import world as live
from meta_autonomous.operations.auto_worker import tick
from meta_autonomous.operations.suggestions import approve, reject
from meta_autonomous.operations.undo import undo, undoable
from meta_autonomous.ports.errors import Busy
from meta_autonomous.ports.people import Actor, System
from meta_autonomous.ports.records import ActionRecord, TestedPolicy
from tests.worlds import description as d
from tests.worlds.graph import TOKEN, Graph, Mishap
from tests.worlds.ground import ground
from tests.worlds.invariants import TICK_INVARIANTS, WRITE_INVARIANTS
from tests.worlds.invariants.found import Report
from tests.worlds.opening import open_shop
from tests.worlds.shop import PERSON, Account, Shop, Thing
from tests.worlds.story import Story
from tests.worlds.wire import serving
from tests.worlds.witness import INTERVAL_SECONDS, SETTLE_SECONDS, Deed, Witness

ANA: Final = Actor(name="ana", is_admin=True, is_manager=True)
SERVICE: Final = Actor(name="autonomous_worker", is_service=True)


def play(world: d.World) -> Story:
    """One world from its beginning to its end."""
    with _without_waiting():
        return asyncio.run(_play(world))


@contextmanager
def _without_waiting() -> Iterator[None]:
    """An accepted change that does not show is looked for three times, as ever, but at once."""
    pauses = execute.READ_BACK_PAUSES
    execute.READ_BACK_PAUSES = (0.0,) * len(pauses)  # type: ignore[misc]
    try:
        yield
    finally:
        execute.READ_BACK_PAUSES = pauses  # type: ignore[misc]


async def _play(world: d.World) -> Story:
    held = ground()
    held.clear()
    shop = open_shop(world)
    graph = Graph(shop)
    story = Story()
    witness = Witness(
        shop=shop,
        settings=world.settings,
        rates=dict(world.rates),
        begins=shop.now,
        deed=Deed(number=0, kind="none", mode=world.mode, is_on=True),
        file=held.file,
    )
    async with serving(graph) as url:
        player = Player(
            world=world,
            shop=shop,
            graph=graph,
            graph_url=url,
            database=held.database,
            witness=witness,
            story=story,
            mode=world.mode,
        )
        graph.watches = player.judge
        graph.was_read, graph.log_was_read = witness.was_read, witness.log_was_read
        try:
            for step in world.steps:
                await player.do(step)
        finally:
            witness.close()
    story.writes.update(witness.seen)
    return story


# --- the deeds ----------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Player:
    world: d.World
    shop: Shop
    graph: Graph
    graph_url: str
    database: Database
    witness: Witness
    story: Story
    mode: str
    is_on: bool = True
    policy: int = 0
    ticks: int = 0

    async def do(self, step: d.Step) -> None:
        self.shop.deed += 1
        self._begin("none")
        self.story.log.append(f"{self.shop.moment():%m-%d %H:%M:%S} {step}")
        match step:
            case d.Wait(seconds):
                self.shop.pass_time(seconds)
            case d.Tick():
                await self._tick(step)
            case d.Approve():
                await self._approve(step)
            case d.Undo(count):
                await self._undo(count)
            case d.Reject(place):
                await self._reject(place)
            case d.SetMode(mode):
                await self._set_mode(mode)
            case d.Switch(is_on):
                await self._switch(is_on)
            case d.ApproveCreatives():
                await self._approve_creatives()
            case d.Reconfigure(settings):
                self.witness.settings = settings
                self.policy += 1
            case _:
                self._in_ads_manager(step)
        self.graph.mishaps.clear()
        self.graph.before_read.clear()
        if self.graph.failure is not None:
            raise self.graph.failure

    def judge(self, thing: Thing, name: str, value: str, mishap: Mishap | None) -> None:
        write = self.witness.saw(thing, name, value, mishap)
        self.story.log.append(f"  POST {write} {mishap or ''}")
        for invariant in WRITE_INVARIANTS:
            self.story.note(invariant.__name__, invariant(write, self.witness), write)
        self.witness.remember(write, mishap)

    # --- one by one ---

    async def _tick(self, step: d.Tick) -> None:
        self._begin("tick", is_dry=step.dry_run)
        self.graph.mishaps = list(step.mishaps)
        if step.meddles is not None:
            self.graph.before_read.append(self._meddling(step.meddles))
        hidden = self._hide(step.unreadable)
        self.ticks += 1
        try:
            async with self._open(SERVICE) as world:
                report = await tick(world, tick_id=f"t{self.ticks}", dry_run=step.dry_run)
        except Busy:
            return
        finally:
            if hidden is not None:
                hidden.unreadable = False
        self._review(report.to_json())

    def _review(self, report: Report) -> None:
        for action in report["actions"]:
            first = next((v["rule"] for v in action["verdicts"] if v["outcome"] == "block"), "")
            self.story.outcomes[f"{action['type']} {action['outcome']} {first}".strip()] += 1
            self.story.log.append(
                f"  {action['type']} {action['entity_id']} {action['current_budget']} -> "
                f"{action['proposed_budget']}: {action['outcome']} {first}"
            )
        self.story.log += [f"  error: {error}" for error in report["errors"]]
        for invariant in TICK_INVARIANTS:
            name = invariant.__name__
            self.story.note(name, invariant(report, self.witness), f"tick {self.ticks}")

    async def _approve(self, step: d.Approve) -> None:
        self._begin("approve")
        self.graph.mishaps = list(step.mishaps)
        async with self._open(ANA) as world:
            pending = world.store.actions(statuses=[ActionStatus.SUGGESTED])
            chosen = [pending[place] for place in step.places if place < len(pending)]
            if not chosen:
                return
            if step.share is None:
                handled = await approve(world, [record.id for record in chosen])
            else:
                handled = []
                for record in chosen:
                    budget = _smaller(record, step.share)
                    handled += await approve(world, [record.id], budget=budget)
        self.story.log += [f"  {one.id}: {one.status} {one.message}" for one in handled]

    async def _undo(self, count: int) -> None:
        self._begin("undo")
        async with self._open(ANA) as world:
            ids = undoable(world.store, since=self.shop.moment(0))[:count]
            handled = await undo(world, ids) if ids else []
        self.story.log += [f"  {one.id}: {one.status} {one.message}" for one in handled]

    async def _reject(self, place: int) -> None:
        async with self._open(ANA) as world:
            pending = world.store.actions(statuses=[ActionStatus.SUGGESTED])
            ids = [record.id for record in pending[place : place + 1]]
            reject(world, ids, reason="not now", at=self.shop.moment())

    async def _set_mode(self, mode: str) -> None:
        async with self._open(ANA) as world:
            switches.set_mode(world.store, world.system, mode, actor=ANA, at=self.shop.moment())
        self.mode = mode

    async def _switch(self, is_on: bool) -> None:
        async with self._open(ANA) as world:
            switches.set_started(world.store, is_started=is_on, actor=ANA, at=self.shop.moment())
        self.is_on = is_on

    async def _approve_creatives(self) -> None:
        async with self._open(ANA) as world:
            ids = [one.creative_id for one in world.store.creatives() if one.status == "pending"]
            creatives.decide(world.store, ids, is_approved=True, actor=ANA, at=self.shop.moment())
        self.witness.approved |= set(ids)

    def _in_ads_manager(self, step: d.Step) -> None:
        match step:
            case d.EditBudget(place, factor):
                holders = [one for one in self.shop.things() if one.budget is not None]
                self._set_budget(holders[place % len(holders)], factor)
            case d.EditStatus(place, status):
                things = [one for one in self.shop.things() if one.status != "ARCHIVED"]
                self.shop.set(things[place % len(things)], "status", status, by=PERSON)
            case d.NewCreative(place, review):
                ads = [one for one in self.shop.things() if one.level == "ad"]
                ad = ads[place % len(ads)]
                self.shop.set(ad, "creative", self.shop.new_id(), by=PERSON)
                self.shop.set(ad, "review", review, by=PERSON)
            case d.LateOrders(factor):
                for thing in self.shop.things():
                    if thing.was_paused_by_the_system:
                        thing.sold_more(factor, days=9)

    def _set_budget(self, thing: Thing, factor: float) -> None:
        least = thing.account.minimum
        if thing.kind == "lifetime":
            least = max(least, round(1.2 * thing.spent_ever()))
        new = max(round((thing.budget or 0) * factor), least)
        self.shop.set(thing, "budget", new, by=PERSON)

    def _meddling(self, factor: float) -> Callable[[Thing], None]:
        def meddle(thing: Thing) -> None:
            if thing.budget is not None:
                self._set_budget(thing, factor)

        return meddle

    def _hide(self, place: int | None) -> Account | None:
        if place is None:
            return None
        account = self.shop.accounts[place % len(self.shop.accounts)]
        account.unreadable = True
        return account

    def _begin(self, kind: str, *, is_dry: bool = False) -> None:
        self.witness.deed = Deed(
            number=self.shop.deed, kind=kind, mode=self.mode, is_on=self.is_on, is_dry=is_dry
        )

    @asynccontextmanager
    async def _open(self, actor: Actor) -> AsyncIterator[live.World]:
        """The live world, wired as `bootstrap` wires it, for one command."""
        settings, digest = self.witness.settings, f"policy {self.policy}"
        async with MetaApi(
            base_url=self.graph_url,
            token=TOKEN,
            name="sandbox",
            clock=self.shop.moment,
            monotonic=time.monotonic,
            checks_clock=False,
            retry_wait=0.01,
        ) as platform:
            # The guards' self-test has its own tests, and takes a tick's time.
            self.database.record_tested(TestedPolicy(digest=digest))
            yield live.World(
                platform=platform,
                store=self.database,
                system=System(
                    mode=self.world.mode,
                    interval_seconds=INTERVAL_SECONDS,
                    settle_seconds=SETTLE_SECONDS,
                    account_ids=tuple(one.id for one in self.shop.accounts),
                    policy_digest=digest,
                ),
                book=PolicyBook(
                    limits=settings.limits,
                    overrides=settings.overrides,
                    scope=settings.scope,
                    freezes=settings.windows(self.world.start),
                ),
                rates=Rates({code: Decimal(rate) for code, rate in self.world.rates}),
                actor=actor,
                notifier=Silence(),
                clock=self.shop.moment,
            )


def _smaller(record: ActionRecord, share: float) -> Decimal | None:
    """A budget between the present and the proposed one, if the action has one."""
    if record.type not in (ActionType.SCALE_UP, ActionType.SCALE_DOWN):
        return None
    current, proposed = Decimal(record.current_budget or 0), Decimal(record.proposed_budget or 0)
    places = Decimal(1) if record.currency == "JPY" else Decimal("0.01")
    return (current + (proposed - current) * Decimal(repr(share))).quantize(places)
