"""Runs Meta ad budgets unattended: it waits for the conversions, proves its guards, explains.

The public names are loaded when they are first used, so that a command pays only for its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meta_autonomous.bootstrap import MetaAutoWorker, OptimizationService
    from meta_autonomous.config import AutonomousSettings
    from meta_autonomous.decision.policy_engine import PolicyEngine
    from meta_autonomous.decision.safety import SafetyEngine

    __version__: str

_HOMES = {
    "AutonomousSettings": "meta_autonomous.config",
    "MetaAutoWorker": "meta_autonomous.bootstrap",
    "OptimizationService": "meta_autonomous.bootstrap",
    "PolicyEngine": "meta_autonomous.decision.policy_engine",
    "SafetyEngine": "meta_autonomous.decision.safety",
}

__all__ = [
    "AutonomousSettings",
    "MetaAutoWorker",
    "OptimizationService",
    "PolicyEngine",
    "SafetyEngine",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("meta-auto")
        except PackageNotFoundError:  # run from a checkout that was never installed
            return "0+unknown"
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
