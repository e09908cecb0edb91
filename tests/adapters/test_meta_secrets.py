"""Nothing secret leaves through anything but the one header and parameter made for it."""

import asyncio
import hashlib
import hmac
import logging
import subprocess
import traceback
from pathlib import Path
from typing import Any

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.errors import AuthFailed, ConfigError, PlatformError
from meta_autonomous.ports.platform import AnswerKind, ReadPlan
from tests.adapters.fault_server import (
    ACCOUNT,
    CAMPAIGN,
    NOON,
    SECRET,
    TOKEN,
    Deed,
    FaultServer,
    account,
    ask,
    budget_change,
    graph_error,
    hang,
    meta,
    page,
    reset,
    say,
)

PLAN = ReadPlan(days=7, window_days=7)
PROOF = hmac.new(SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
ECHO = f"Malformed access token {TOKEN} in /me?access_token={TOKEN}&appsecret_proof={PROOF}"


def assert_clean(text: str) -> None:
    for secret in (TOKEN, SECRET, PROOF):
        assert secret not in text


def test_the_token_travels_in_the_header_and_the_proof_beside_it() -> None:
    async def question(api: MetaApi, server: FaultServer) -> None:
        await api.read_account(ACCOUNT, PLAN)
        await api.write(budget_change())
        for asked in server.asked:
            assert asked.headers["authorization"] == f"Bearer {TOKEN}"
            assert asked.params["appsecret_proof"] == PROOF
            assert TOKEN not in asked.target + asked.body
            assert SECRET not in asked.target + asked.body
            assert "meta-auto" in asked.headers["user-agent"]
        assert PROOF not in server.asked[-1].target  # of a write it is in the form

    ask(account(), question, app_secret=SECRET)


FAILURES: dict[str, Deed] = {
    "the token in the message": graph_error(190, message=ECHO, error_user_msg=ECHO),
    "the token in a refusal": graph_error(100, message=ECHO),
    "the token in a throttle": graph_error(17, message=ECHO),
    "the token in a blip": graph_error(2, message=ECHO),
    "the token in a header": say({}, 500, {"X-Ad-Api-Version-Warning": ECHO, "Date": ECHO}),
    "another token": graph_error(190, message="EAABsbCS1iHgBAKZC is no good"),
    "reset": reset(),
    "hang": hang(),
    "nonsense": say(ECHO.encode()),
    "a bad shape": say({"data": ECHO, "id": ECHO}),
}


@pytest.mark.parametrize("deed", FAILURES.values(), ids=FAILURES.keys())
def test_no_error_log_or_answer_holds_a_secret(
    deed: Deed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def question(api: MetaApi, _server: FaultServer) -> str:
        texts = [repr(api), str(vars(api))]
        for reading in (
            api.read_account(ACCOUNT, PLAN),
            api.read_entity(ACCOUNT, CAMPAIGN, Level.CAMPAIGN),
        ):
            try:
                await reading
            except PlatformError as error:
                texts += [repr(error), error.remedy, *traceback.format_exception(error)]
        texts.append(repr(await api.write(budget_change())))
        return "\n".join([*texts, *api.warnings])

    script = account(campaigns=[deed], entity=[deed], write=[deed])
    options: Any = {"app_secret": SECRET, "request_timeout": 0.2, "write_timeout": 0.2}
    text = ask(script, question, **options)
    assert_clean(text + caplog.text)
    assert "EAAB" not in text


def test_the_next_page_is_asked_for_without_following_its_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def question(api: MetaApi, server: FaultServer) -> None:
        await api.read_account(ACCOUNT, PLAN)
        assert all(one.headers["host"].startswith("127.0.0.1") for one in server.asked)

    ask(account(campaigns=[page([], after="c1"), page([])]), question)  # its `next` has the token
    assert_clean(caplog.text)
    assert "access_token" not in caplog.text


def test_the_debug_log_tells_path_status_and_trace(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="meta_auto.meta")

    async def question(api: MetaApi, _server: FaultServer) -> None:
        await api.trusted_now()

    ask(account(), question)
    assert "method=GET path=me status=200" in caplog.text
    assert "trace=Trace1" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "http://graph.facebook.com"},
        {"base_url": "ftp://127.0.0.1"},
        {"base_url": "http://[broken"},
        {"base_url": "https://graph.facebook.com:port"},
        {"account_ids": ["act_1", "shop"]},
        {"version": "latest"},
        {"version": "v26.0/../v1"},
        {"token": ""},
        {"token": f"{TOKEN}\n"},
        {"token": f"Bearer {TOKEN}"},
    ],
    ids=str,
)
def test_what_could_leak_or_break_the_token_is_refused_at_birth(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        meta(**{"base_url": "https://graph.facebook.com"} | options)
    assert_clean(caught.value.message + caught.value.remedy)


def test_metas_address_is_the_default() -> None:
    MetaApi(token=TOKEN, clock=lambda: NOON, monotonic=lambda: 0.0)


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
    ]
    try:
        subprocess.run(
            [*command, "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl here")
    return certificate, key


def test_a_certificate_that_nobody_signed_gets_no_token(
    own_certificate: tuple[Path, Path],
) -> None:
    import ssl

    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(*own_certificate)
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=served)
        port = server.sockets[0].getsockname()[1]
        async with server, meta(f"https://127.0.0.1:{port}") as api:
            with pytest.raises(AuthFailed, match="certificate"):
                await api.trusted_now()
            assert api.requests_made() == 1
            assert (await api.write(budget_change())).kind is AnswerKind.NOT_SENT
            server.close()

    asyncio.run(run())
    assert heard == []
