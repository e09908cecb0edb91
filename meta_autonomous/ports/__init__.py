"""What the deeds need from the world, as Protocols, and the errors the world may answer with.

Errors are divided by what we know afterwards, not by technology:

    MetaAutoError                    expected; shown as one line with a remedy
    ├── ConfigError                  exit 78: key, what was given, what is allowed
    ├── NotAllowed                   exit 77: this person may not do this
    ├── RefusedByGuard               exit 3: refused, stale, already decided, not found
    ├── Busy                         exit 75: nothing can be worked now
    ├── StoreUnavailable             exit 1: database or disk
    └── PlatformError                a read of Meta failed: nothing was asked to change
        ├── Unreachable              network, 5xx, nonsense, deadline (exit 4)
        ├── Throttled                Meta said: later (left for the next tick)
        │   └── Penalised            ... because its rules were broken (alert)
        ├── AuthFailed               token or permission (exit 4, alert)
        ├── Gone                     the object does not exist, or is not ours to see
        └── BadAnswer                Meta answered, but not what the docs promise: read refused
"""

from meta_autonomous.ports.errors import (
    AuthFailed,
    BadAnswer,
    Busy,
    ConfigError,
    Gone,
    MetaAutoError,
    NotAllowed,
    NotFound,
    Penalised,
    PlatformError,
    RefusedByGuard,
    StoreUnavailable,
    Throttled,
    Unreachable,
)
from meta_autonomous.ports.people import (
    Actor,
    Clock,
    Notifier,
    Signal,
    System,
    Watch,
)
from meta_autonomous.ports.platform import (
    AdsPlatform,
    Answer,
    AnswerKind,
    Patient,
    ReadPlan,
    Throttle,
)
from meta_autonomous.ports.progress import (
    Progress,
    Stage,
    Step,
    unseen,
)
from meta_autonomous.ports.records import (
    AccountRecord,
    ActionRecord,
    AlertRecord,
    CreativeRecord,
    CreativeUse,
    EntityState,
    LedgerCheck,
    LedgerEntry,
    LedgerEvent,
    LedgerLine,
    NewAction,
    PastEstimate,
    RecordedTick,
    Runtime,
    TestedPolicy,
    Trace,
)
from meta_autonomous.ports.store import (
    Store,
)
from meta_autonomous.ports.words import (
    WORKER,
    Json,
)

__all__ = [
    "WORKER",
    "AccountRecord",
    "ActionRecord",
    "Actor",
    "AdsPlatform",
    "AlertRecord",
    "Answer",
    "AnswerKind",
    "AuthFailed",
    "BadAnswer",
    "Busy",
    "Clock",
    "ConfigError",
    "CreativeRecord",
    "CreativeUse",
    "EntityState",
    "Gone",
    "Json",
    "LedgerCheck",
    "LedgerEntry",
    "LedgerEvent",
    "LedgerLine",
    "MetaAutoError",
    "NewAction",
    "NotAllowed",
    "NotFound",
    "Notifier",
    "PastEstimate",
    "Patient",
    "Penalised",
    "PlatformError",
    "Progress",
    "ReadPlan",
    "RecordedTick",
    "RefusedByGuard",
    "Runtime",
    "Signal",
    "Stage",
    "Step",
    "Store",
    "StoreUnavailable",
    "System",
    "TestedPolicy",
    "Throttle",
    "Throttled",
    "Trace",
    "Unreachable",
    "Watch",
    "unseen",
]
