"""A process of its own that executes one approved action, so that a test can really kill it.

python -m tests.operations.one_execution DATABASE_URL GRAPH_URL ACTION_FILE
"""

import asyncio
import pickle
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from meta_autonomous.adapters.database import Database
from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.adapters.sandbox import TOKEN
from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.operations.execute import Executed, execute
from meta_autonomous.operations.world import World
from meta_autonomous.ports.people import Actor, System
from meta_autonomous.ports.words import WORKER
from tests.fakes.scene import NoNotifier


@asynccontextmanager
async def a_real_world(database_url: str, graph_url: str) -> AsyncIterator[World]:
    """The real database and the real client of the Graph API."""
    async with MetaApi(
        base_url=graph_url,
        token=TOKEN,
        name="sandbox",
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        checks_clock=False,
        write_timeout=2.0,
        retry_wait=0.05,
    ) as platform:
        database = Database(database_url, platform="sandbox")
        database.create_or_check()
        yield World(
            platform=platform,
            store=database,
            system=System(settle_seconds=900),
            book=PolicyBook(),
            rates=Rates({}),
            actor=Actor(name="ana", is_manager=True),
            notifier=NoNotifier(),
            clock=lambda: datetime.now(UTC),
        )
        database.close()


async def carry_out(
    database_url: str, graph_url: str, action_id: int, action: Action
) -> Executed | None:
    """None when another process holds the account."""
    async with a_real_world(database_url, graph_url) as world:
        with world.store.account_lock(action.entity.account_id) as is_ours:
            return await execute(world, action_id, action, who=WORKER) if is_ours else None


if __name__ == "__main__":
    what = pickle.loads(Path(sys.argv[3]).read_bytes())
    done = asyncio.run(carry_out(sys.argv[1], sys.argv[2], *what))
    print("locked" if done is None else done.status)
