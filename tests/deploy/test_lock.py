"""The lock file: whole, hashed, and within what pyproject.toml asks for. Needs no network."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.conftest import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: What a server installs: all that the program may import when it runs.
NEEDED = [
    Requirement(text)
    for text in [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["notify"],
        *PROJECT["optional-dependencies"]["postgres"],
    ]
]
ENTRIES = re.findall(
    r"^([a-z0-9.-]+)==(\S+)([^\n]*\\\n(?:    --hash=[^\n]+\n?)+)", LOCK, re.MULTILINE
)
PINNED = {name: version for name, version, _ in ENTRIES}


@pytest.mark.parametrize("needed", NEEDED, ids=str)
def test_what_pyproject_asks_for_is_locked_within_its_bounds(needed):
    """Mend it by the command in the lock's second line."""
    assert PINNED[canonicalize_name(needed.name)] in needed.specifier
    for extra in needed.extras:
        assert canonicalize_name(f"{needed.name}-{extra}") in PINNED


@pytest.mark.parametrize(("name", "version", "rest"), ENTRIES, ids=[entry[0] for entry in ENTRIES])
def test_every_package_is_pinned_to_hashes(name, version, rest):
    assert re.fullmatch(r"[0-9][0-9a-z.+]*", version)
    assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", rest)


def test_nothing_stands_in_the_lock_that_is_not_an_exact_version():
    lines = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(ENTRIES) == len(PINNED)


def test_the_tools_of_development_are_not_locked_for_servers():
    tools = {Requirement(text).name for text in PROJECT["optional-dependencies"]["dev"]}
    assert not (tools - {needed.name for needed in NEEDED}) & PINNED.keys()


def test_it_comes_from_no_index_of_ours():
    assert "://" not in LOCK
    assert "--index" not in LOCK
