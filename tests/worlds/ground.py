"""The database of one process, for one world after the other."""

import atexit
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from meta_autonomous.adapters.database import Database


class Ground:
    """The one database file of this process, emptied for each world: opening an engine takes
    longer than many a world."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="worlds-", dir=_fast_folder())
        self.file = Path(self.folder.name) / "meta.sqlite3"
        self.database = Database(f"sqlite:///{self.file}", platform="sandbox")
        self.database.create_or_check()
        self.empty = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self.file)) as made:
            made.backup(self.empty)
        atexit.register(self.close)

    def close(self) -> None:
        self.database.close()
        self.empty.close()
        self.folder.cleanup()

    def clear(self) -> None:
        with closing(sqlite3.connect(self.file)) as last:
            self.empty.backup(last)
        self.database.check()


@cache
def ground() -> Ground:
    return Ground()


def _fast_folder() -> str | None:
    """Memory, where there is a file system in it: a world's database need not survive."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
