"""What a command says to the shell: one number, the same for every command."""

from enum import IntEnum


class ExitCode(IntEnum):
    DONE = 0
    INTERNAL = 1  # a bug, or the database or the disk
    USAGE = 2
    REFUSED = 3  # by a guard rail; stale, already decided, or not found
    PARTLY = 4  # some action or account failed, or Meta can't be reached
    LATER = 75  # nothing could be worked now
    NOT_ALLOWED = 77
    CONFIGURATION = 78
    INTERRUPTED = 130
