"""Configuration: what can be set, where each value comes from, and who may do what."""

from meta_autonomous.config.actors import current as current_actor
from meta_autonomous.config.fields import KEYS
from meta_autonomous.config.keys import TABLES, Key
from meta_autonomous.config.loaded import (
    LoadedSettings,
    effective,
    every_problem,
    explain_for,
    load,
)
from meta_autonomous.config.problems import Problem, SettingsError
from meta_autonomous.config.settings import AutonomousSettings
from meta_autonomous.config.showing import Sourced
from meta_autonomous.config.sources import Source

__all__ = [
    "KEYS",
    "TABLES",
    "AutonomousSettings",
    "Key",
    "LoadedSettings",
    "Problem",
    "SettingsError",
    "Source",
    "Sourced",
    "current_actor",
    "effective",
    "every_problem",
    "explain_for",
    "load",
]
