"""One question to a server, in a process of its own: `python -m tests.adapters.one_question URL
read|page|write SECONDS` prints what came of it, and how many MB of memory it took more.
"""

import asyncio
import resource
import sys

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports import errors
from meta_autonomous.ports.errors import MetaAutoError
from meta_autonomous.ports.platform import ReadPlan
from tests.adapters.fault_server import ACCOUNT, CAMPAIGN, budget_change, meta


async def ask(url: str, where: str, seconds: float) -> str:
    async with meta(url, request_timeout=seconds, write_timeout=seconds) as api:
        try:
            return await _put(api, where)
        except MetaAutoError as problem:
            # By the name it has in `ports.errors`.
            return next(
                one for one in type(problem).__mro__ if one in vars(errors).values()
            ).__name__


async def _put(api: MetaApi, where: str) -> str:
    if where == "read":
        await api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN)
        return "read"
    if where == "page":
        await api.read_account(ACCOUNT, ReadPlan(days=7, window_days=7))
        return "read"
    return str((await api.write(budget_change())).kind)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    before = _peak_mb()
    said = asyncio.run(ask(sys.argv[1], sys.argv[2], float(sys.argv[3])))
    print(said, round(_peak_mb() - before))
