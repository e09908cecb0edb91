"""A simulated Meta ad account behind the real Graph API's manners, for trying and testing."""

from meta_autonomous.adapters.sandbox.bulk import build_world
from meta_autonomous.adapters.sandbox.faults import Fault
from meta_autonomous.adapters.sandbox.graph import TOKEN
from meta_autonomous.adapters.sandbox.simulator import Sandbox, SandboxError

__all__ = ["TOKEN", "Fault", "Sandbox", "SandboxError", "build_world"]
