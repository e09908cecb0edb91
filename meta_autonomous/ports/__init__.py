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
