import pytest

from tests.pictures.taking import HERE, pictures, words


@pytest.fixture(scope="module")
def taken():
    return pictures()


@pytest.mark.slow
def test_every_picture_in_the_readme_can_still_be_taken(taken):
    """Mend it with: python -m tests.pictures"""
    shown = {path.stem: words(path.read_text()) for path in HERE.glob("*.svg")}
    assert shown == {name: words(svg) for name, svg in taken.items()}


def test_the_readme_shows_every_picture():
    readme = (HERE.parents[1] / "README.md").read_text()
    for path in HERE.glob("*.svg"):
        assert f"(tests/pictures/{path.name})" in readme


def test_a_picture_loads_nothing_from_elsewhere():
    for path in HERE.glob("*.svg"):
        text = path.read_text()
        assert "url(http" not in text
        assert "<script" not in text
        assert words(text).startswith("meta-auto") or "$ meta-auto" in words(text)
