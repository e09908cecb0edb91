"""A small file that is replaced whole: who reads it sees the old one or the new one."""

import contextlib
import os
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int) -> None:
    """Raises OSError; the old file then stands. `mode` holds whatever the umask is."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(beside, flags, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, mode)
            file.write(text)
            file.flush()
            os.fsync(handle)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
