"""The self-test of the guards as a gate: before auto mode is switched on, and when the policy of
a system in auto mode has changed since."""

from collections.abc import Sequence
from datetime import datetime

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.decision.selftest import selftest
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import RefusedByGuard
from meta_autonomous.ports.people import System
from meta_autonomous.ports.records import TestedPolicy


def require(
    book: PolicyBook, system: System, *, accept: Sequence[str], at: datetime
) -> TestedPolicy:
    """The tested policy. Raises RefusedByGuard when a guard is dead and `accept` lacks it."""
    dead = {guard.rule: guard for guard in selftest(book, now=at).dead}
    tested = TestedPolicy(
        digest=system.policy_digest,
        dead=tuple(dead),
        accepted=tuple(guard for guard in dead if guard in accept),
    )
    if tested.unaccepted:
        told = "; ".join(f"{name} ({dead[name].message})" for name in tested.unaccepted)
        options = " ".join(f"--accept {name}" for name in dead)
        raise RefusedByGuard(
            f"Auto mode is not switched on: with these settings nothing can make "
            f"{'these guards' if len(tested.unaccepted) > 1 else 'this guard'} fire: {told}",
            remedy="See `meta-auto policies selftest` and mend the settings, or say that you mean "
            f"it: `meta-auto mode set auto {options}`.",
        )
    return tested


def dead_guards(world: World, mode: str, *, at: datetime) -> tuple[str, ...]:
    """The guards that can't fire in auto mode and that nobody accepted. A policy that was tested
    before is not tested again; what was accepted once stays so until auto mode is set anew."""
    if mode != "auto":
        return ()
    known, digest = world.store.runtime().tested, world.system.policy_digest
    if known is None or known.digest != digest:
        dead = tuple(guard.rule for guard in selftest(world.book, now=at).dead)
        known = TestedPolicy(
            digest=digest, dead=dead, accepted=known.accepted if known is not None else ()
        )
        world.store.record_tested(known)
    return known.unaccepted
