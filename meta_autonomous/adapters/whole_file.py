"""A small file that is replaced whole: who reads it sees the old one or the new one."""

import contextlib
import errno
import os
import stat
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int) -> None:
    """Raises OSError; the old file then stands. `mode` holds whatever the umask is.

    Behind a symlink it is the file it names that is replaced. A character device or a pipe that
    somebody reads is written to, and keeps its mode; nothing else that is no file is touched.
    """
    kind = _kind(path)
    if stat.S_ISCHR(kind) or stat.S_ISFIFO(kind):
        _write_through(path, text)
        return
    file = replaceable(path)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(beside, flags, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as draft:
            os.fchmod(handle, mode)
            draft.write(text)
            draft.flush()
            os.fsync(handle)
        beside.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def replaceable(path: Path) -> Path:
    """The place of a file, or of one to be, with every symlink followed. Raises OSError for what
    is there and is no regular file: a rename would put a file in its stead."""
    kind = _kind(path)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind and not stat.S_ISREG(kind):
        raise OSError(errno.EINVAL, "It is no regular file", str(path))
    return Path(os.path.realpath(path))


def _kind(path: Path) -> int:
    """The mode of what the path leads to; 0 where nothing is."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def _write_through(path: Path, text: str) -> None:
    # To open a pipe that nobody reads fails at once, instead of waiting for a reader.
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "w", encoding="utf-8") as device:
        device.write(text)
