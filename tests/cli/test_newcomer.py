"""A newcomer's first minutes: a fresh clone, the README's commands and nothing else."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT

README = (ROOT / "README.md").read_text()


def readme_commands(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```sh\n(.*?)```", README, flags=re.DOTALL)
    assert found, f"the README has no commands {mark}"
    return found[1]


def test_the_readme_leads_to_an_approval_in_this_order():
    words = [
        re.sub(r"#.*", "", line).split("meta-auto ")[1].split()
        for line in (readme_commands("try") + readme_commands("decide")).splitlines()
    ]
    assert [" ".join(word for word in line if not word.isdigit()) for line in words] == [
        "tick", "suggestions list", "suggestions show", "suggestions approve", "status",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone: there is nothing to clone")
def test_from_a_clone_to_the_first_approved_suggestion(tmp_path, record_property):
    began = time.monotonic()
    clone = tmp_path / "meta-auto"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True, timeout=60)
    shutil.copy(ROOT / "README.md", clone)  # the one that was read above
    packages = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        **packages,
    }
    shown = subprocess.run(
        ["bash", "-euc", readme_commands("try") + readme_commands("decide")],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    took = time.monotonic() - began
    record_property("seconds", round(took))
    print(f"\nfrom a clone to the first approval: {took:.0f} s")
    assert shown.returncode == 0, shown.stderr
    tick, decided, status = re.split(
        r"(?=^ID  STATUS|^Meta Autonomous)", shown.stdout, flags=re.MULTILINE
    )
    assert "9 queued" in tick
    assert "Executed and read back." in decided
    assert "8 suggestions waiting" in status
    assert Path(tmp_path / ".local/state/meta-auto/meta-auto.sqlite3").exists()
