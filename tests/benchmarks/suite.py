"""Every benchmark by its name."""

from typing import Final

from tests.benchmarks.accounts import accounts
from tests.benchmarks.against_sdk import sdk_cpu, sdk_time
from tests.benchmarks.approve import approve
from tests.benchmarks.core import core
from tests.benchmarks.databases import databases
from tests.benchmarks.figures import Benchmark
from tests.benchmarks.history import history
from tests.benchmarks.ledger import ledger
from tests.benchmarks.replay import replay
from tests.benchmarks.startup import startup
from tests.benchmarks.tick_sizes import tick_latency, tick_sizes

SUITE: Final = (
    Benchmark("startup", "commands that do nothing, against `python -c pass`", startup),
    Benchmark("tick", "a tick at 100, 1,000 and 10,000 campaigns: CPU, requests, memory", tick_sizes),
    Benchmark("latency", "the same with 150 ms before every answer", tick_latency),
    Benchmark("sdk", "against a script on Meta's SDK, with 150 ms: time and requests", sdk_time),
    Benchmark("sdk-cpu", "against the same script, without latency: CPU", sdk_cpu),
    Benchmark("core", "the decisions and the estimator alone, without any reading", core),
    Benchmark("ledger", "appending and verifying a million entries", ledger),
    Benchmark("history", "a tick over a million ledger entries against one over few", history),
    Benchmark("approve", "a person's approval with 150 ms before every answer", approve),
    Benchmark("replay", "30 days of ticks decided again", replay),
    Benchmark("accounts", "several ad accounts in one tick, with 150 ms", accounts),
    Benchmark("databases", "the same tick on SQLite and on PostgreSQL", databases),
)  # fmt: skip
