"""What may go wrong, by what a caller can do about it."""

from datetime import datetime

from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.text import advised


class MetaAutoError(Exception):
    """An expected failure. `remedy` says what the reader can do next; `code` and `exit_code` say
    to a program which one it is."""

    code = "error"
    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    @property
    def told(self) -> str:
        """Message and remedy, for where they stand in one line."""
        return advised(self.message, self.remedy)


class ConfigError(MetaAutoError):
    code = "config"
    exit_code = ExitCode.CONFIGURATION


class NotAllowed(MetaAutoError):
    code = "not_allowed"
    exit_code = ExitCode.NOT_ALLOWED


class RefusedByGuard(MetaAutoError):
    code = "refused"
    exit_code = ExitCode.REFUSED


class NotFound(RefusedByGuard):
    code = "not_found"


class Busy(MetaAutoError):
    code = "busy"
    exit_code = ExitCode.LATER


class StoreUnavailable(MetaAutoError):
    code = "database"


class PlatformError(MetaAutoError):
    code = "meta"
    exit_code = ExitCode.PARTLY


class Unreachable(PlatformError):
    code = "unreachable"


class Throttled(PlatformError):
    """`until` is when Meta will answer again, as far as it said."""

    code = "throttled"
    exit_code = ExitCode.LATER

    def __init__(self, message: str, *, remedy: str = "", until: datetime | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.until = until


class Penalised(Throttled):
    """Meta has blocked the account for breaking its rules; insisting makes it worse."""

    code = "penalised"


class AuthFailed(PlatformError):
    code = "auth"


class Gone(PlatformError):
    code = "gone"


class BadAnswer(PlatformError):
    code = "bad_answer"
