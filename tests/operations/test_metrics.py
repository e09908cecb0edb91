"""The program in numbers, as Prometheus reads them."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.adapters.watch import OutsideWatch
from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.version import VERSION
from meta_autonomous.operations import auto_worker
from meta_autonomous.operations.alert_kinds import ALERT_KINDS
from meta_autonomous.operations.metrics import Metric, metrics_text, written
from meta_autonomous.operations.watched import watched_tick
from meta_autonomous.ports.errors import Busy, NotFound, StoreUnavailable, Throttled
from meta_autonomous.ports.people import Signal
from tests.operations.live_world import Live

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = {
    f"meta_auto_{name}"
    for name in (
        "last_run_timestamp_seconds", "last_success_timestamp_seconds", "last_run_exit_code",
        "tick_duration_seconds", "actions", "in_doubt", "in_doubt_oldest_seconds",
        "needs_resolving", "api_requests", "api_usage_ratio", "cap_used_ratio", "ledger_seq",
        "circuit_open", "alert_active", "enabled", "started", "interval_seconds", "info",
    )
}  # fmt: skip


class Watching:
    """Keeps what it is shown and told."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.shown = ""

    async def signal(self, signal: Signal) -> None:
        self.signals.append(signal)

    def show(self, metrics: str) -> None:
        self.shown = metrics

    async def failed(self, *, exit_code: int, at: datetime) -> None:
        raise AssertionError


def ticked(live: Live, **options) -> Watching:
    watch = Watching()
    live.ticks += 1
    told = {"dry_run": options.pop("dry_run", False)}
    live.inside(
        lambda world: watched_tick(world, tick_id=f"t{live.ticks}", **told),
        watch=watch,
        wall_clock=lambda: NOON,
        **options,
    )
    return watch


def samples(shown: str) -> dict[str, Decimal]:
    assert shown.endswith("\n")
    lines = [line for line in shown.splitlines() if not line.startswith("#")]
    found = dict(line.rsplit(" ", 1) for line in lines)
    assert len(found) == len(lines)
    return {name.removeprefix("meta_auto_"): Decimal(value) for name, value in found.items()}


# --- the format ---------------------------------------------------------------------------------


def test_a_metric_is_help_type_and_samples():
    told = written(
        [
            Metric.of("a", "An A.", 1),
            Metric.of("unknown", "Not known.", None),
            Metric.by("who", "b", "A B.", {'x"\\\n': Decimal("0.5"), "a": 0}),
        ]
    )
    assert told == (
        "# HELP a An A.\n# TYPE a gauge\na 1\n"
        "# HELP b A B.\n# TYPE b gauge\n"
        'b{who="a"} 0\nb{who="x\\"\\\\\\n"} 0.5\n'
    )


# --- what a tick shows --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_tick_shows_all_of_it_and_promtool_finds_nothing_to_say(live):
    shown = ticked(live).shown
    assert set(re.findall(r"^# TYPE (\S+) gauge$", shown, flags=re.MULTILINE)) == NAMES
    found = samples(shown)
    assert found["last_run_timestamp_seconds"] == int(NOON.timestamp())
    assert found["last_success_timestamp_seconds"] == int(NOON.timestamp())
    assert found["last_run_exit_code"] == 0
    assert found['actions{outcome="queued"}'] == 9
    assert sum(v for k, v in found.items() if k.startswith("actions{")) == 12
    assert found["cap_used_ratio"] == Decimal("0.1070")
    assert 0 < found["api_usage_ratio"] < 1
    assert found["ledger_seq"] == len(live.ledger("tick_completed")) + 17
    assert found['alert_active{alert="hard_stop"}'] == 1
    assert found['alert_active{alert="no_ticks"}'] == 0
    assert found[f'info{{platform="sandbox",mode="suggest",version="{VERSION}"}}'] == 1
    assert found[f'circuit_open{{account="{live.account_id}"}}'] == 0
    names = {record.entity_name for record in live.actions()}
    assert not any(name in shown for name in names)
    if shutil.which("promtool"):
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            check=False,
            input=shown,
            text=True,
            capture_output=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
def test_every_alert_of_the_program_has_a_kind(live):
    """Each of them is shown from the first tick on, so that a rule can see it change."""
    shown = ticked(live).shown
    kinds = set(re.findall(r'alert_active\{alert="(\w+)"\}', shown))
    assert kinds == set(ALERT_KINDS)


@pytest.mark.slow
def test_a_failed_tick_keeps_the_time_of_the_last_success(live):
    first = ticked(live)
    assert first.signals == [Signal.START, Signal.SUCCESS]
    live.sandbox.inject(faults.unauthorised(), times=1000)
    watch = ticked(live)
    assert watch.signals == [Signal.START, Signal.FAIL]
    found = samples(watch.shown)
    assert found["last_run_exit_code"] == 4
    assert found["last_success_timestamp_seconds"] == int(NOON.timestamp())
    assert found['alert_active{alert="auth"}'] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "last"),
    [
        (StoreUnavailable("the disk is full"), [Signal.FAIL]),
        (ZeroDivisionError("a ratio of nothing"), [Signal.FAIL]),
        (Throttled("later"), [Signal.SUCCESS]),  # as of a tick whose every account is throttled
        (Busy("another tick"), []),
        (NotFound("no such account"), []),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_tick_that_an_error_ends_is_told_of_too(live, monkeypatch, error, last):
    """Whoever runs it: the command, or `MetaAutoWorker` in somebody's program."""

    def breaks(*_, **__):
        raise error

    monkeypatch.setattr(auto_worker, "dead_guards", breaks)
    watch = Watching()

    async def deed(world):
        with pytest.raises(type(error)):
            await watched_tick(world, tick_id="t1")

    live.inside(deed, watch=watch)
    assert watch.signals == [Signal.START, *last]


@pytest.mark.slow
def test_a_throttled_account_is_an_open_circuit_and_no_failure(live):
    live.sandbox.inject(faults.throttled(), times=100)
    watch = ticked(live)
    assert watch.signals == [Signal.START, Signal.SUCCESS]
    found = samples(watch.shown)
    assert found["last_run_exit_code"] == 75
    assert found[f'circuit_open{{account="{live.account_id}"}}'] == 1
    assert "last_success_timestamp_seconds" not in found
    live.passes(hours=1)
    with live.database() as store:
        later = metrics_text(store, live.system, live.book, now=live.sandbox.now())
    assert samples(later)[f'circuit_open{{account="{live.account_id}"}}'] == 0


@pytest.mark.slow
def test_doubts_are_counted_and_grow_old(live):
    live.sandbox.inject(faults.reset(), match=r"^POST ", times=2)
    ticked(live.in_mode("auto"))
    with live.database() as store:
        now = live.sandbox.now() + timedelta(seconds=90)
        found = samples(metrics_text(store, live.system, live.book, now=now))
    assert found["in_doubt"] >= 1
    assert found["in_doubt_oldest_seconds"] == 90
    assert found["needs_resolving"] == 0


@pytest.mark.slow
def test_a_dry_run_shows_and_signals_nothing(live):
    watch = ticked(live, dry_run=True)
    assert (watch.signals, watch.shown) == ([], "")


@pytest.mark.slow
def test_a_system_that_never_ticked_shows_what_is_known(live):
    with live.database() as store:
        shown = metrics_text(store, live.system, PolicyBook(), now=live.sandbox.now())
    assert "last_run_timestamp_seconds" not in shown
    assert samples(shown)["ledger_seq"] == 0


# --- the file and the switch --------------------------------------------------------------------


class Switch:
    """A dead man's switch on a real socket. `answer` is HTTP; empty is a connection that hangs."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK") -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.visits: list[asyncio.Task[None]] = []

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits.append(asyncio.create_task(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode().split("\r\n")[0])
        if not self.answer:
            await reader.read()
        writer.write(self.answer)
        await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def signalled(switch: Switch, tmp_path, *signals: Signal, query: str = "") -> None:
    async def run() -> None:
        server = await asyncio.start_server(switch.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            watch = OutsideWatch(
                metrics_file=tmp_path / "m.prom",
                ping_url=f"http://127.0.0.1:{port}/ping/hunter2hunter2{query}",
            )
            assert "hunter2" not in repr(watch)
            for signal in signals:
                await watch.signal(signal)
            await asyncio.gather(*switch.visits)

    asyncio.run(run())


def test_the_switch_is_told_of_beginning_and_end(tmp_path):
    switch = Switch()
    signalled(switch, tmp_path, Signal.START, Signal.SUCCESS, Signal.FAIL, query="?rid=1")
    assert switch.asked == [
        f"GET /ping/hunter2hunter2{path}?rid=1 HTTP/1.1" for path in ("/start", "", "/fail")
    ]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"x"])
def test_a_switch_out_of_order_is_a_warning_without_its_url(tmp_path, caplog, answer):
    signalled(Switch(answer), tmp_path, Signal.SUCCESS)
    assert "switch" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_switch_that_hangs_is_left_after_a_moment(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("meta_autonomous.adapters.watch._PING_SECONDS", 0.2)
    signalled(Switch(b""), tmp_path, Signal.SUCCESS)
    assert "not reached: TimeoutError" in caplog.text


def test_without_a_switch_nobody_is_asked(tmp_path):
    asyncio.run(OutsideWatch(metrics_file=tmp_path / "m").signal(Signal.START))


@pytest.mark.parametrize(("is_for_others", "mode"), [(True, 0o644), (False, 0o600)])
def test_the_file_is_replaced_whole_and_readable_for_whom_it_is(tmp_path, is_for_others, mode):
    file = tmp_path / "meta-auto.prom"
    watch = OutsideWatch(metrics_file=file, is_for_others=is_for_others)
    watch.show("a 1\n")
    watch.show("a 2\n")
    assert file.read_text() == "a 2\n"
    assert file.stat().st_mode & 0o777 == mode
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_can_not_be_written_is_a_warning(tmp_path, caplog):
    OutsideWatch(metrics_file=tmp_path / "no" / "folder" / "m.prom").show("a 1\n")
    assert "can't be written: No such file or directory" in caplog.text


def test_a_pipe_that_nobody_reads_holds_no_failure_up(tmp_path, caplog):
    pipe = tmp_path / "m.prom"
    os.mkfifo(pipe)
    watch = OutsideWatch(metrics_file=pipe)
    watch.show("a 1\n")
    asyncio.run(asyncio.wait_for(watch.failed(exit_code=1, at=NOON), timeout=5))
    assert "can't be written: No such device or address" in caplog.text
    assert pipe.is_fifo()


def test_a_tick_that_ended_by_an_error_says_so_in_what_was_measured_before(tmp_path):
    file = tmp_path / "m.prom"
    watch = OutsideWatch(metrics_file=file)
    asyncio.run(watch.failed(exit_code=1, at=NOON))
    assert not file.exists()
    watch.show(
        "# TYPE meta_auto_last_run_exit_code gauge\nmeta_auto_last_run_exit_code 0\n"
        "meta_auto_last_run_timestamp_seconds 5\nmeta_auto_ledger_seq 7\n"
    )
    asyncio.run(watch.failed(exit_code=1, at=NOON))
    assert file.read_text() == (
        "# TYPE meta_auto_last_run_exit_code gauge\nmeta_auto_last_run_exit_code 1\n"
        f"meta_auto_last_run_timestamp_seconds {int(NOON.timestamp())}\nmeta_auto_ledger_seq 7\n"
    )
