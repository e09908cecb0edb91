"""`AutonomousSettings`: the settings in force, read from this process's surroundings."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from meta_autonomous.config.checking import (
    Origin,
    Origins,
    built,
    explained,
    folded,
    refuse_impossible,
)
from meta_autonomous.config.fields import SettingFields
from meta_autonomous.config.problems import Problem, SettingsError
from meta_autonomous.config.sources import gather

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class AutonomousSettings(SettingFields):
    """Everything that can be set, read-only. ``AutonomousSettings()`` reads the environment and
    `.env`; arguments win over both. Names may be written in lower or upper case.

    Raises SettingsError (a ConfigError and a ValueError) naming each wrong key.
    """

    def __init__(self, **given: Any) -> None:
        origins = {name.lower(): Origin(spelled=name, where="argument") for name in given}
        asked: dict[str, Any] = {}
        if "_env_file" in given:  # pydantic-settings' own: another file than .env, or None
            asked["_env_file"] = given.pop("_env_file") or ()
        with explained(origins):
            super().__init__(**asked, **folded(_lower_case(given)))
        refuse_impossible(self, origins)

    @classmethod
    def of(cls, given: Mapping[str, Any], origins: Origins | None = None) -> Self:
        """From values that were gathered already, by lower-case name: nothing else is read.

        `origins` is where each of them was written, for the errors.
        """
        return built(cls, given, origins or {})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        asked = getattr(dotenv_settings, "env_file", None)
        dotenv = Path(".env") if asked is None else Path(asked) if asked else None
        return init_settings, _Surroundings(settings_cls, dotenv)


class _Surroundings(PydanticBaseSettingsSource):
    """The environment, `.env` and credentials of this process, read as `load` reads them."""

    def __init__(self, settings_cls: type[BaseSettings], dotenv: Path | None) -> None:
        super().__init__(settings_cls)
        self._dotenv = dotenv and Path.cwd() / dotenv

    def get_field_value(self, field: "FieldInfo", field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # `__call__` gives all values at once

    def __call__(self) -> dict[str, Any]:
        gathered = gather(os.environ, self._dotenv)
        problems = (*gathered.problems, *gathered.unreadable.values())
        if problems:
            raise SettingsError(problems)
        return folded({key: given.value for key, given in gathered.values.items()})


def _lower_case(given: Mapping[str, Any]) -> dict[str, Any]:
    private = [name for name in given if name.startswith("_")]
    if private:
        raise SettingsError([Problem(key=name, says="is no setting") for name in private])
    lowered = {(name.lower() if name.isupper() else name): value for name, value in given.items()}
    if len(lowered) < len(given):
        twice = sorted(name for name in given if name.isupper() and name.lower() in given)
        raise SettingsError([Problem(key=name, says="is given twice") for name in twice])
    return lowered
