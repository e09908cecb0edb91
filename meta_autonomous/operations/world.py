"""The live world that every deed is given: doors, policy and the person at the keyboard."""

from dataclasses import dataclass

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.ports import Actor, AdsPlatform, Clock, Notifier, Store, System


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Built by `bootstrap`, and nowhere else. `clock` is the local one: deeds use the platform's
    trusted time for everything that a limit looks at."""

    platform: AdsPlatform
    store: Store
    system: System
    book: PolicyBook
    rates: Rates
    actor: Actor
    notifier: Notifier
    clock: Clock
