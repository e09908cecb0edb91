import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from meta_autonomous.config import LoadedSettings, SettingsError, load, sources
from meta_autonomous.config.keys import PREFIX


@dataclass
class Machine:
    """A home, a folder to start in and an environment, none of them the developer's own."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def cwd(self) -> Path:
        return self.root / "work"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def system_config(self) -> Path:
        return self.root / "etc" / "config.toml"

    def write(self, path: Path, text: str, *, mode: int = 0o600) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def toml(self, text: str, *, mode: int = 0o644) -> Path:
        return self.write(self.root / "given.toml", text, mode=mode)

    def dotenv(self, text: str, *, mode: int = 0o600) -> Path:
        return self.write(self.cwd / ".env", text, mode=mode)

    def load(
        self,
        *,
        toml: str | None = None,
        cli: Mapping[str, Any] | None = None,
        config: Path | None = None,
        **env: str,
    ) -> LoadedSettings:
        path = self.toml(toml) if toml is not None else config
        return load(path, {"HOME": str(self.home), **self.env, **env}, self.cwd, cli=cli)

    def refusal(self, **given: Any) -> SettingsError:
        """What `load` says of a wrong configuration."""
        with pytest.raises(SettingsError) as caught:
            self.load(**given)
        return caught.value


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(root=tmp_path)
    machine.cwd.mkdir()
    machine.home.mkdir()
    monkeypatch.setattr(sources, "SYSTEM_CONFIG", machine.system_config)
    monkeypatch.setenv("HOME", str(machine.home))
    monkeypatch.chdir(machine.cwd)
    for name in list(os.environ):
        if name.startswith(PREFIX) or name in sources.VARIABLES:
            monkeypatch.delenv(name)
    return machine
