"""`estimate FILE`: a person's own export in, honest numbers out, or the line that is wrong."""

import json
from datetime import date, timedelta

import pytest

HEADER = "entity_id,date,spend,purchases,purchase_value\n"
FIRST = date(2026, 10, 1)


def _rows(days=14, entities=("a", "b"), separator=",") -> str:
    return "".join(
        separator.join((name, str(FIRST + timedelta(days=n)), "100", "4", "250")) + "\n"
        for n in range(days)
        for name in entities
    )


@pytest.fixture
def estimate(meta_auto, home):
    def run(content: str | bytes, *arguments: str, name: str = "export.csv"):
        raw = content if isinstance(content, bytes) else content.encode()
        (home / name).write_bytes(raw)
        return meta_auto("estimate", name, *arguments)

    return run


def test_an_export_gives_the_contracts_keys(estimate):
    told = estimate(HEADER + _rows(), "--json").json
    assert [one["entity_id"] for one in told] == ["a", "b"]
    for one in told:
        assert set(one) == {
            "entity_id", "spend", "purchases", "purchase_value", "actual_roas", "expected_roas",
            "interval", "prob_below",
        }  # fmt: skip
        assert one["spend"] == "700.00"
        assert one["purchases"] == 28
        assert one["actual_roas"] == 2.5
        low, high = one["interval"]
        assert low < one["expected_roas"] < high
        assert list(one["prob_below"]) == ["0.8", "0.9", "1.5", "2.0"]


def test_thresholds_and_today_may_be_given(estimate):
    done = estimate(
        HEADER + _rows(), "--at", "2026-10-10", "--threshold", "1.2", "--threshold", "3", "--json"
    )
    assert list(done.json[0]["prob_below"]) == ["1.2", "3.0"]
    text = estimate(HEADER + _rows(), "--threshold", "1.2").out
    assert "P(<1.2)" in text


def test_ads_managers_export_is_understood(estimate):
    ours = estimate(HEADER + _rows(entities=("1202",)), "--json").json
    theirs = estimate(
        "\ufeffReporting starts,Reporting ends,Campaign name,Ad set ID,Amount spent (EUR),"
        "Purchases,Purchases conversion value,Impressions\n"
        ",,,,1400,56,3500,0\n"
        + "".join(
            f"{FIRST + timedelta(days=n)},{FIRST + timedelta(days=n)},Sale,1202,100.00,4,"
            '"250.00",9000\n'
            for n in range(14)
        ),
        "--json",
    )
    assert theirs.code == 0, theirs.out
    assert theirs.json == ours


def test_a_spreadsheets_semicolons_and_decimal_commas_are_understood(estimate):
    ours = estimate(HEADER + _rows(entities=("ñ / 1",)), "--json").json
    theirs = estimate(
        "Day;Campaign name;Ad set name;Amount spent (EUR);Purchases;Purchases conversion value\n"
        + "".join(f"{FIRST + timedelta(days=n)};ñ;1;100,00;4;250,00\n" for n in range(14)),
        "--json",
    )
    assert theirs.json == ours


def test_thousands_are_understood_where_they_are_clear(estimate):
    done = estimate(HEADER + 'a,2026-10-01,"1,234.50",4,"2,500"\n', "--at", "2026-10-02", "--json")
    assert done.json[0]["spend"] == "1234.50"
    assert done.json[0]["purchase_value"] == "2500.00"


def test_json_lines_are_the_same_rows(estimate):
    ours = estimate(HEADER + _rows(), "--json").json
    lines = "".join(
        json.dumps(
            {"entity_id": name, "date": str(FIRST + timedelta(days=n)), "spend": 100,
             "purchases": 4, "purchase_value": "250", "impressions": None}
        ) + "\n"
        for n in range(14)
        for name in ("a", "b")
    )  # fmt: skip
    assert estimate("\n" + lines, "--json", name="export.jsonl").json == ours


def test_empty_cells_are_days_without_purchases(estimate):
    done = estimate(HEADER + _rows() + "a,2026-10-15,100,,\nb,2026-10-15,0,,\n", "--json")
    assert done.code == 0
    assert done.json[0]["purchases"] == 24


def test_an_excel_file_in_utf16_is_understood(estimate):
    ours = estimate(HEADER + _rows(), "--json").json
    tabs = HEADER.replace(",", "\t") + _rows(separator="\t")
    assert estimate(tabs.encode("utf-16"), "--json").json == ours


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        (HEADER, "has no rows of data"),
        ("a,b\n1,2\n", "no column for entity_id, date, spend, purchases, purchase_value"),
        (HEADER + "a,2026-10-01,100,4\n", "line 2: 4 cells under 5 column names"),
        (HEADER + "a,2026-10-01,100,4,250\na,1.10.2026,1,1,1\n", "line 3: date '1.10.2026'"),
        (HEADER + "a,2026-10-01,much,4,250\n", "line 2: spend 'much' is not a number"),
        (HEADER + "a,2026-10-01,nan,4,250\n", "line 2: spend 'nan' is not a number"),
        (HEADER + "a,2026-10-01,1e999999,4,250\n", "line 2"),
        (HEADER + "a,2026-10-01,-5,4,250\n", "line 2"),
        (HEADER + "a,2026-10-01,5,4.5,250\n", "line 2: purchases '4.5' is not a whole number"),
        (HEADER + ",2026-10-01,5,4,250\n", "line 2: nothing says which"),
        (HEADER.replace(",", ";") + "a;2026-10-01;1.234;4;250\n", "could be two numbers"),
        (HEADER + "a,2026-10-01,5,4,250\na,2026-10-01,6,4,250\n", "two different rows"),
        ('{"entity_id": "a"\n', "line 1: not JSON"),
        ('{"entity_id": "a"}\n', "no column for date"),
        ("[1]\n", "one JSON array"),
        (
            (
                '{"entity_id": "a", "date": "2026-10-01", "spend": 5, "purchases": 1, '
                '"purchase_value": 9, "spend": 50}\n'
            ),
            "line 1: not JSON: the key 'spend' stands twice",
        ),
        (
            (
                '{"entity_id": "a", "date": "2026-10-01", "spend": 5, "purchases": 1, '
                '"purchase_value": 9, "Spend": 50}\n'
            ),
            "line 1: there is more than one column 'spend'",
        ),
        (
            HEADER.replace("spend", "Amount spent (EUR),Amount spent (USD)") + _rows(1),
            "more than one column 'amount spent'",
        ),
        (b"\xc3\x28" + HEADER.encode(), "not text in UTF-8"),
        (
            "date,reporting ends,ad id,spend,purchases,purchase_value\n2026-10-01,2026-10-31,1,5,1,9\n",
            "break the export down by day",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(estimate, content, words):
    done = estimate(content, "--json")
    assert done.code == 2, done.out
    assert done.error["code"] == "usage"
    assert words in done.error["message"]


def test_a_column_that_nobody_reads_may_stand_twice(estimate):
    twice = HEADER.replace("purchase_value", "purchase_value,note,note")
    rows = _rows().replace("\n", ",x,y\n")
    assert estimate(twice + rows).code == 0


@pytest.mark.parametrize(
    "arguments", [["--at", "yesterday"], ["--threshold", "-1"], ["--threshold", "nan"]]
)
def test_wrong_options_are_usage_errors(estimate, arguments):
    assert estimate(HEADER + _rows(), *arguments).code == 2


def test_it_needs_no_configuration(estimate, monkeypatch):
    monkeypatch.setenv("META_AUTO_PLATFORM", "nonsense")
    assert estimate(HEADER + _rows()).code == 0


def test_the_intervals_can_be_drawn(estimate):
    plain = estimate(HEADER + _rows()).out
    drawn = estimate(HEADER + _rows(), "--plot", "--margin", "0.5").out
    assert "├" not in plain
    bars = [line for line in drawn.splitlines() if "├" in line]
    assert len(bars) == 2
    assert all("●" in bar and ("┤" in bar or "→" in bar) for bar in bars)
    assert "Break-even at your margin: a ROAS of 2.00" in drawn
    assert "┼" in drawn or "┊" in drawn


def test_the_margin_is_the_settings_own(estimate, monkeypatch):
    assert "break_even_roas" not in estimate(HEADER + _rows(), "--json").json[0]
    monkeypatch.setenv("PROFIT_MARGIN", "0.4")
    assert estimate(HEADER + _rows(), "--json").json[0]["break_even_roas"] == 2.5
    assert estimate(HEADER + _rows(), "--margin", "0").code == 2


@pytest.mark.parametrize(
    ("rows", "roas"),
    [
        pytest.param("a,2026-10-01,100,0,0\n", 0, id="zero orders"),
        pytest.param("a,2026-10-01,0,0,0\n", None, id="zero spend"),
        pytest.param("a,2026-10-01,100,3,200\na,2026-10-02,100,0,-500\n", -1.5, id="a refund"),
        pytest.param("a,2026-10-01,100,1,900000\n", 9000, id="one huge order"),
        pytest.param("a,2026-10-01,100,2,150\n", 1.5, id="a single entity and day"),
        pytest.param("a,2026-10-01,50,1,80\na,2026-10-07,50,1,80\n", 1.6, id="gaps"),
        pytest.param("a,2026-10-01,50,1,80\na,2026-10-01,50,1,80\n", 1.6, id="a row twice"),
    ],
)
def test_odd_but_possible_data_give_sane_numbers(estimate, rows, roas):
    one = estimate(HEADER + rows, "--json").json[0]
    assert one["actual_roas"] == roas
    assert 0 < one["interval"][0] < one["expected_roas"] < one["interval"][1] < 1000
    assert all(0 <= share <= 1 for share in one["prob_below"].values())
