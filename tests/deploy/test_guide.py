"""The guide names what is there, and whatever is there is named."""

import re

import pytest

from tests.deploy.conftest import DEPLOY, ROOT

GUIDE = (DEPLOY / "README.md").read_text()
FILES = sorted(path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file())


def test_every_file_that_the_guide_names_exists():
    named = re.findall(r"[ (`](?:deploy/)?((?:[a-z]+\.d|[a-z]+)/[\w@./-]+\.\w+)\b", GUIDE)
    assert len(named) >= 8
    for name in named:
        assert (DEPLOY / name).exists() or (ROOT / name).exists() or name.startswith("etc/"), name


@pytest.mark.parametrize("name", FILES)
def test_every_file_stands_in_the_guides_table(name):
    folder = name.split("/")[0]
    assert name == "README.md" or f"`{folder}/" in GUIDE or f"`{folder}`" in GUIDE


@pytest.mark.parametrize("name", FILES)
def test_no_file_holds_anything_that_looks_like_a_token(name):
    text = (DEPLOY / name).read_text()
    assert not re.search(r"EAA[A-Za-z0-9]{8,}|access_token\s*=\s*[\"'][^/]", text)
