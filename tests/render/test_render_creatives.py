"""How creatives, exported entries and acknowledged alerts are shown."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from meta_autonomous.operations.by_person import Handled
from meta_autonomous.ports.records import CreativeRecord, CreativeUse, LedgerLine
from meta_autonomous.render.actions import handled_document
from meta_autonomous.render.creatives import creative_json, creatives_document
from meta_autonomous.render.ledger import exported_csv, exported_lines, exported_list
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.setup import backed_up_document
from tests.render.records import NOW

AD = CreativeUse(ad_id="7", name="Promo\x1b[2J", campaign_id="1", status="ACTIVE")
WAITING = CreativeRecord(
    creative_id="900",
    account_id="9001",
    status="pending",
    source="seen",
    first_seen_at=NOW - timedelta(hours=3),
    ads=(AD,),
)


def _text(*records: CreativeRecord) -> str:
    return plain_text(creatives_document(records, platform="meta", now=NOW))


def test_a_creative_in_json():
    assert creative_json(WAITING, platform="meta") == {
        "id": "900",
        "account_id": "9001",
        "status": "pending",
        "source": "seen",
        "ads": [
            {"id": "7", "name": "Promo\x1b[2J", "campaign_id": "1", "effective_status": "ACTIVE"}
        ],
        "first_seen_at": "2026-11-02T09:00:00Z",
        "decided_by": None,
        "decided_at": None,
        "platform": "meta",
    }


def test_what_waits_is_shown_with_its_ad_and_the_next_command():
    text = _text(WAITING)
    assert "Promo\\x1b[2J (7)" in text
    assert "3 h ago" in text
    assert text.endswith("Next: meta-auto creatives approve 900\n")


def test_many_ads_are_counted_and_odd_ones_say_how_they_stand():
    ads = tuple(replace(AD, ad_id=str(n), status="PENDING_REVIEW") for n in range(5))
    text = _text(replace(WAITING, status="approved", decided_by="ana", ads=ads))
    assert "(0, pending review)" in text
    assert "and 2 more" in text
    assert "ana" in text
    assert "Next:" not in text


def test_nothing_found_is_said():
    assert "No creatives found." in _text()


def _line(body: str, seq: int = 1) -> LedgerLine:
    return LedgerLine(seq=seq, previous="00" * 32, hash="ab" * 32, body=body)


@pytest.mark.parametrize(
    "body", ['{"event":"x","why":"a\u2028b \u202e ü"}', '{"event": "spaced" }', "{}"]
)
def test_a_body_stands_in_its_line_as_it_is(body):
    (line,) = exported_lines([_line(body)])
    assert line.endswith(f',"body":{body}}}\n')
    assert json.loads(line)["body"] == json.loads(body)


@pytest.mark.parametrize("body", ["", "[1]", "{", '{\n"event":"x"}', '{"a":"\udcff"}', "7"])
def test_a_damaged_body_is_a_text(body):
    (line,) = exported_lines([_line(body)])
    assert line.count("\n") == 1
    assert json.loads(line)["body"] == body
    assert line.encode()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_list_is_one_document(count):
    document = "".join(exported_list(_line("{}", n) for n in range(count)))
    assert [one["seq"] for one in json.loads(document)] == list(range(count))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "  =", "＝"])
def test_no_cell_is_a_formula(sign):
    body = json.dumps({"event": "x", "why": f"{sign}1+1", "action_id": 12, "after": {"a": 1}})
    _, row = csv.reader(io.StringIO("".join(exported_csv([_line(body)])), newline=""))
    assert row[7] == f"'{sign}1+1"
    assert row[5] == "12"
    assert row[9] == '{"a": 1}'


def test_keys_are_no_numbers():
    told = Handled(id="no_ticks", status="acknowledged", message="Done.")
    lines = plain_text(handled_document([told], platform="meta")).splitlines()
    assert lines[-2].startswith("ID ")
    assert lines[-1].split() == ["no_ticks", "acknowledged", "Done."]


def test_a_backup_says_where_it_is():
    made = {"backup": "/b/x.db", "database": "/s/meta-auto.sqlite3", "platform": "meta"}
    assert "/s/meta-auto.sqlite3 is copied to /b/x.db" in plain_text(backed_up_document(made))
