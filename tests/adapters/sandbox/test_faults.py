import http.client
import json
import socket
import time
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

import pytest

from meta_autonomous.adapters.sandbox import faults
from tests.adapters.sandbox.api import Api

BLACK_FRIDAY = "Black Friday - ES"


def budget(api: Api) -> str:
    return api.read(api.named(BLACK_FRIDAY), fields="daily_budget")["daily_budget"]


def test_a_fault_is_used_up_after_its_times(api: Api) -> None:
    api.sandbox.inject(faults.server_error(2), times=2)
    assert [api.get("me").status for _ in range(4)] == [500, 500, 200, 200]


def test_a_fault_waits_for_a_request_that_matches(api: Api) -> None:
    api.sandbox.inject(faults.server_error(1, subcode=99), match=r"^GET .*/insights\?")
    assert api.get(f"{api.act}/campaigns").status == 200
    answer = api.get(f"{api.act}/insights", level="account")
    assert (answer.status, answer.error) == (500, (1, 99))


def test_a_fault_can_let_some_requests_pass_first(api: Api) -> None:
    api.sandbox.inject(faults.bad_gateway(), match="/ads", after=2)
    assert [api.get(f"{api.act}/ads").status for _ in range(4)] == [200, 200, 502, 200]


def test_a_fault_can_match_by_a_predicate_and_be_taken_back(api: Api) -> None:
    api.sandbox.inject(faults.bad_gateway(), match=lambda request: request.method == "POST")
    assert api.get("me").status == 200
    api.sandbox.clear_faults()
    assert api.post(api.named(BLACK_FRIDAY), status="PAUSED").status == 200


def test_a_throttle_tells_when_to_come_back(api: Api) -> None:
    api.sandbox.inject(faults.throttled(17, regain_minutes=9))
    answer = api.get(f"{api.act}/campaigns")
    assert answer.error == (17, 2446079)
    usage = json.loads(answer.headers["x-business-use-case-usage"])
    (use_case,) = usage[api.sandbox.account_ids[0]]
    assert use_case["estimated_time_to_regain_access"] == 9
    assert answer.headers["date"]


@pytest.mark.parametrize("subcode", [460, 463, 467])
def test_a_token_can_die(api: Api, subcode: int) -> None:
    api.sandbox.inject(faults.unauthorised(subcode))
    assert api.get("me").error == (190, subcode)


def test_too_much_data_is_refused_above_a_page_size(api: Api) -> None:
    api.sandbox.inject(faults.too_much_data(above=50), times=100)
    answer = api.get(f"{api.act}/ads", limit=51)
    assert (answer.status, answer.error) == (500, (1, None))
    assert "reduce the amount of data" in answer.json["error"]["message"]
    assert api.get(f"{api.act}/ads", limit=50).status == 200


def test_an_injected_refusal_applies_nothing(api: Api) -> None:
    api.sandbox.inject(faults.error(100, subcode=1885650), match="^POST")
    assert api.post(api.named(BLACK_FRIDAY), daily_budget="60000").error == (100, 1885650)
    assert budget(api) == "50000"


def test_a_hanging_answer_does_not_keep_the_server_from_stopping(api: Api) -> None:
    api.sandbox.inject(faults.hang(60))
    began = time.perf_counter()
    with api.sandbox.serving() as base_url, pytest.raises(TimeoutError):
        Api(base_url, api.sandbox).get("me", timeout=0.2)
    assert time.perf_counter() - began < 2


def test_a_dripping_answer_comes_byte_by_byte(api: Api) -> None:
    api.sandbox.inject(faults.drip(0.001))
    began = time.perf_counter()
    assert api.get("me").json["id"]
    assert time.perf_counter() - began > 0.3


def test_a_reset_before_working_changes_nothing(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    api.sandbox.inject(faults.reset(), match="^POST")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        api.post(campaign, daily_budget="60000")
    assert budget(api) == "50000"


def test_a_reset_after_working_leaves_the_write_applied(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    api.sandbox.inject(faults.reset_after(), match="^POST")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        api.post(campaign, daily_budget="60000")
    assert budget(api) == "60000"


def test_a_write_can_arrive_after_the_connection_broke(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    api.sandbox.inject(faults.apply_late(0.3), match="^POST")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        api.post(campaign, daily_budget="60000")
    assert budget(api) == "50000"
    deadline = time.monotonic() + 5
    while budget(api) != "60000":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_success_can_be_a_lie(api: Api) -> None:
    api.sandbox.inject(faults.forgotten(), match="^POST")
    assert api.post(api.named(BLACK_FRIDAY), daily_budget="60000").json == {"success": True}
    assert budget(api) == "50000"
    assert api.rows(f"{api.act}/activities", oid=api.named(BLACK_FRIDAY)) == []


def test_a_proxy_can_answer_instead(api: Api) -> None:
    api.sandbox.inject(faults.bad_gateway())
    answer = api.get("me")
    assert answer.status == 502
    assert answer.body.startswith(b"<html>")


def test_json_can_be_cut_off(api: Api) -> None:
    api.sandbox.inject(faults.truncated())
    body = api.get(f"{api.act}/campaigns", fields="name").body
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
        json.loads(body)


def test_an_empty_page_can_have_a_next_one_where_the_rows_are(api: Api) -> None:
    whole = [row["id"] for row in api.rows(f"{api.act}/ads", limit=10)]
    api.sandbox.inject(faults.empty_page(), match="/ads", after=2)
    assert [row["id"] for row in api.rows(f"{api.act}/ads", limit=10)] == whole
    assert api.sandbox.requests[-1].params["limit"] == "10"


def test_a_repeated_cursor_leads_in_a_circle(api: Api) -> None:
    api.sandbox.inject(faults.repeated_cursor(), times=3, match="/ads", after=1)
    first = api.read(f"{api.act}/ads", limit=10)["paging"]["cursors"]["after"]
    pages = [api.read(f"{api.act}/ads", limit=10, after=first) for _ in range(3)]
    assert {page["paging"]["cursors"]["after"] for page in pages} == {first}
    assert all("next" in page["paging"] for page in pages)


def test_a_row_can_come_twice(api: Api) -> None:
    api.sandbox.inject(faults.duplicated_row())
    ids = [row["id"] for row in api.read(f"{api.act}/ads", limit=3)["data"]]
    assert (len(ids), len(set(ids))) == (4, 3)


def test_the_date_can_be_wrong_or_missing(api: Api) -> None:
    api.sandbox.inject(faults.wrong_date(timedelta(minutes=5)))
    moved = parsedate_to_datetime(api.get("me").headers["date"]).astimezone(UTC)
    assert moved == api.sandbox.now() + timedelta(minutes=5)
    api.sandbox.inject(faults.missing_date())
    assert "date" not in api.get("me").headers


def test_the_account_can_seem_disabled(api: Api) -> None:
    api.sandbox.inject(faults.account_status(2), times=2)
    assert api.read(api.act, fields="account_status")["account_status"] == 2
    assert api.rows("me/adaccounts", fields="account_status")[0]["account_status"] == 2
    assert api.read(api.act, fields="account_status")["account_status"] == 1


def test_an_answer_can_be_altered_at_will(api: Api) -> None:
    api.sandbox.inject(faults.altered(lambda document: document.update(name="Somebody")))
    assert api.read("me")["name"] == "Somebody"


def test_a_person_can_be_quicker(api: Api) -> None:
    campaign = api.named(BLACK_FRIDAY)
    api.sandbox.inject(
        faults.interfere(lambda: api.sandbox.edit(campaign, daily_budget=40000)), match="^POST"
    )
    api.post(campaign, daily_budget="60000")
    extra = api.rows(f"{api.act}/activities", fields="extra_data", oid=campaign)
    assert [json.loads(row["extra_data"])["old_value"]["old_value"] for row in extra] == [
        40000,
        50000,
    ]


def test_the_sandbox_remembers_what_was_asked(api: Api) -> None:
    api.get("me", fields="id")
    api.post(api.named(BLACK_FRIDAY), daily_budget="55000")
    read, write = api.sandbox.requests
    assert (read.method, read.path, read.params) == ("GET", "v26.0/me", {"fields": "id"})
    assert write.params == {"daily_budget": "55000"}
    assert write.has_token_in_url is False
    api.sandbox.forget_requests()
    assert api.sandbox.requests == []


def test_a_client_that_hangs_up_half_way_does_not_trouble_the_others(api: Api) -> None:
    host, port = api.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(b"POST /v26.0/1 HTTP/1.1\r\nContent-Length: 500\r\n\r\nstatus=")
    assert api.get("me").status == 200
    assert len([one for one in api.sandbox.requests if one.method == "POST"]) == 0
