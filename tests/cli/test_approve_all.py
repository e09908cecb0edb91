"""`suggestions approve --all`: added up and asked at a terminal, refused where nobody can answer."""

from tests.cli.conftest import at_terminal, process


def test_at_a_terminal_it_adds_up_what_is_pending_and_asks(meta_auto, home):
    assert meta_auto("tick", "-q").code == 0
    shown, code = at_terminal("suggestions", "approve", "--all", home=home, types="n\n")
    assert code == 0
    assert "9 suggestions: 3 pause, 2 scale down, 1 reallocate, 3 scale up; in all $" in shown
    assert "Approve all 9?" in shown
    assert "Nothing was done." in shown
    assert len(meta_auto("suggestions", "list", "--json").json) == 9


def test_in_a_script_it_needs_a_yes(meta_auto, home):
    assert meta_auto("tick", "-q").code == 0
    with process("suggestions", "approve", "--all", home=home) as asked:
        _, told = asked.communicate(timeout=60)
    assert asked.returncode == 2
    assert "Add --yes." in told
    done = meta_auto("suggestions", "approve", "--all", "--yes", "--json")
    assert {one["status"] for one in done.json} <= {"executed", "suggested"}
    assert [one["status"] for one in done.json].count("executed") > 4
