"""What the shell offers on Tab, asked as bash asks."""

from pathlib import Path

import pytest

from tests.cli.conftest import MetaAuto, process


def offers(*words: str, home: Path) -> list[str]:
    ran = process(
        home=home,
        _META_AUTO_COMPLETE="complete_bash",
        COMP_WORDS=" ".join(["meta-auto", *words]),
        COMP_CWORD=str(len(words)),
    )
    out, err = ran.communicate(timeout=60)
    assert err == ""
    return out.split()


@pytest.fixture
def ticked(meta_auto: MetaAuto, home: Path) -> Path:
    assert meta_auto("tick", "-q").code == 0
    return home


def test_ids_come_from_the_last_tick(meta_auto: MetaAuto, ticked: Path):
    pending = {str(one["id"]) for one in meta_auto("suggestions", "list", "--json").json}
    assert set(offers("suggestions", "approve", "", home=ticked)) == pending
    assert set(offers("suggestions", "show", "1", home=ticked)) == {
        one for one in pending if one.startswith("1")
    }
    known = {one["entity_id"] for one in meta_auto("campaigns", "list", "--json").json}
    assert known <= set(offers("explain", "", home=ticked))
    assert len(offers("tick", "--account", "", home=ticked)) == 1
    assert offers("actions", "undo", "", home=ticked) == []


def test_commands_are_offered_too(home: Path):
    assert offers("sugg", home=home) == ["suggestions"]
    assert "approve" in offers("suggestions", "", home=home)


def test_nobody_is_told_what_is_wrong_while_typing(home: Path, monkeypatch: pytest.MonkeyPatch):
    (home / ".env").write_text("META_AUTO_MODE=nonsense\n")
    assert offers("explain", "", home=home) == []


def test_a_stranger_is_offered_nothing(ticked: Path):
    (ticked / ".env").write_text("META_AUTO_ADMINS=somebody-else\n")
    assert offers("explain", "", home=ticked) == []
