"""A process that can be killed at any named step: nothing after the step happens."""

from collections.abc import Callable


class SimulatedKill(BaseException):
    """Like ``kill -9``: no handler of the program's may catch it."""


class Steps:
    """Counts the steps of a run and kills it at one of them (the first is 1)."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.kill_at = kill_at
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.kill_at:
            raise SimulatedKill(f"killed at step {len(self.names)}: {name}")


Step = Callable[[str], None]


def no_steps(name: str) -> None:
    """A process that nobody kills."""
