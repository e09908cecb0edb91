"""Secrets that would be recognised anywhere are found nowhere: whatever command is run, whatever
goes wrong in it, with every traceback shown."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from meta_autonomous.adapters.sandbox import Sandbox, faults, graph
from tests.cli.conftest import process
from tests.cli.mail_server import mail_server

pytestmark = pytest.mark.slow

TOKEN = "Canary-of-the-access-token/0+1=2"
APP_SECRET = "canary-of-the-app-secret-77"
PASSWORD = "canary-of-a-mailbox-99"
PING = "canary-of-a-ping-url-55"
PROOF = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
SECRETS = [
    spelt.encode()
    for secret in (TOKEN, APP_SECRET, PASSWORD, PING, PROOF)
    for spelt in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
]

COMMANDS = [
    ["tick", "--dry-run", "--json"],
    ["tick", "--json"],
    ["--log-format", "json", "tick"],
    ["status"],
    ["policies", "show"],
    ["policies", "show", "--json"],
    ["policies", "selftest"],
    ["mode", "show"],
    ["suggestions", "list"],
    ["suggestions", "show", "1", "--json"],
    ["suggestions", "approve", "4"],
    ["suggestions", "approve", "--all", "--yes", "--json"],
    ["suggestions", "reject", "5"],
    ["actions", "list", "--json"],
    ["actions", "undo", "4"],
    ["campaigns", "list"],
    ["creatives", "list"],
    ["ledger", "list"],
    ["ledger", "verify"],
    ["ledger", "export"],
    ["alerts", "list"],
    ["alerts", "check"],
    ["report", "--html", "page.html"],
    ["doctor"],
    ["doctor", "--json", "--notify-test"],
    ["mode", "set", "auto"],
    ["tick"],
    ["db", "backup", "copy.sqlite3"],
    ["no-such-command"],
    ["--config", "/no/such/file", "tick"],
    ["init", "--set", f"meta_access_token={TOKEN[:0]}x"],
]

ECHO = f"Malformed token {TOKEN} in /me?access_token={quote(TOKEN)}&appsecret_proof={PROOF}"
FAULTS = {
    "the token in an answer": faults.error(190, message=ECHO, status=401),
    "the token in a refusal": faults.error(100, message=ECHO),
    "the token in a throttle": faults.error(17, message=ECHO),
    "the token in a blip": faults.error(2, message=ECHO, status=500),
    "nonsense": faults.truncated(),
    "a proxy's page": faults.bad_gateway(),
    "a reset": faults.reset(),
    "a lie about time": faults.missing_date(),
    "a version warning": faults.Fault(
        spoil=lambda _, honest: type(honest)(
            honest.status, honest.body, {**honest.headers, "X-Ad-Api-Version-Warning": ECHO}
        )
    ),
}


class Processes(threading.Thread):
    """Reads every process's command line, again and again."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    self.seen.add(file.read_bytes())


@pytest.fixture
def processes() -> Iterator[Processes]:
    watcher = Processes()
    watcher.start()
    yield watcher
    watcher.is_over.set()
    watcher.join()


@pytest.fixture
def meta(tmp_path_factory, monkeypatch) -> Iterator[tuple[Sandbox, str]]:
    """The sandbox plays Meta, today, and knows but the canary."""
    monkeypatch.setattr(graph, "TOKEN", TOKEN)
    path = tmp_path_factory.mktemp("meta") / "sandbox.sqlite3"
    with Sandbox(path) as sandbox, sandbox.serving() as url:
        yield sandbox, url


def is_today(sandbox: Sandbox) -> None:
    late = datetime.now(UTC) - sandbox.now()
    if late.total_seconds() > 0:
        sandbox.advance(late)


def found_in(content: bytes) -> list[bytes]:
    return [secret for secret in SECRETS if secret in content]


def test_a_secret_is_found_nowhere(home, meta, processes):
    sandbox, url = meta
    told: dict[str, bytes] = {}
    codes: dict[str, int] = {}
    with mail_server() as mail:
        environment = {
            "META_AUTO_PLATFORM": "meta",
            "META_ACCESS_TOKEN": TOKEN,
            "META_APP_SECRET": APP_SECRET,
            "META_AD_ACCOUNT_IDS": sandbox.account_ids[0],
            "META_GRAPH_URL": url,
            # The ping and the second mailbox are out of order, so that both are complained of.
            "META_AUTO_PING_URL": f"http://127.0.0.1:9/{PING}",
            "META_AUTO_NOTIFY_URLS": f"{mail.url()},"
            f"mailto://ana:{PASSWORD}@127.0.0.1:9?from=a@shop.example&to=b@shop.example",
            "META_AUTO_SETTLE_SECONDS": "0",
        }

        def run(name: str, *arguments: str) -> int:
            is_today(sandbox)
            with process("--debug", *arguments, home=home, **environment) as ran:
                out, err = ran.communicate(timeout=300)
            told[name] = (out + err).encode()
            codes[name] = ran.returncode
            return ran.returncode

        for command in COMMANDS:
            run(" ".join(command), *command)
        for name, fault in FAULTS.items():
            sandbox.inject(fault, times=1000)
            run(f"tick with {name}", "tick")
            sandbox.clear_faults()
        sandbox.inject(FAULTS["the token in an answer"], times=1000)
        run("doctor without access", "doctor")
        sandbox.clear_faults()
        for index, envelope in enumerate(mail.envelopes):
            told[f"mail {index}"] = envelope.content
    for file in home.rglob("*"):
        if file.is_file():
            told[f"file {file.name}"] = file.read_bytes()
    told |= {f"process {line[:80]!r}": line for line in processes.seen}

    assert {name: found for name, text in told.items() if (found := found_in(text))} == {}
    # ... and it was looked for where it could have been:
    assert codes["tick --json"] == codes["status"] == codes["suggestions approve 4"] == 0
    assert codes["tick with the token in an answer"] == 4
    assert any(b"Traceback" in text for text in told.values())
    assert b"the dead man's switch was not reached" in told["tick --json"]
    assert b"notification target 2 did not take" in told["tick --json"]
    assert any(name.startswith("mail") for name in told)
    assert {"file meta-auto.sqlite3", "file metrics.prom", "file undelivered.json"} < set(told)
    assert any(b"meta_autonomous" in line for line in processes.seen)
    # Meta gets the token in its one header, and as what is asked about.
    for request in sandbox.requests:
        assert TOKEN not in request.text.replace("input_token=" + quote(TOKEN, safe=""), "")
        assert quote(TOKEN, safe="") not in request.text or "debug_token" in request.text
