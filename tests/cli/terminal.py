"""The program at a real terminal that a test reads and types at."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import environment_of


class Terminal:
    """Our end of a pseudo-terminal: waits for what is shown, then presses a key."""

    def __init__(self, ours: int) -> None:
        self.ours = ours
        self.shown = ""

    def until(self, *texts: str, seconds: float = 60) -> str:
        """Everything shown since the last call, once one of `texts` is in it."""
        deadline = time.monotonic() + seconds
        while not any(text in self.shown for text in texts):
            ready, _, _ = select.select([self.ours], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{texts} never came:\n{self.shown}"
            self.shown += os.read(self.ours, 65_536).decode(errors="replace")
        shown, self.shown = self.shown, ""
        return shown

    def press(self, key: str) -> None:
        time.sleep(0.05)  # what was typed before the question is thrown away, on purpose
        os.write(self.ours, key.encode())


@contextmanager
def at(
    *arguments: str, home: Path, **environment: str
) -> Iterator[tuple[Terminal, "subprocess.Popen[bytes]"]]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "meta_autonomous", *arguments],
        cwd=home,
        env=environment_of(home, TERM="xterm", COLUMNS="100", LANG="C.UTF-8", NO_COLOR="1")
        | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # Its own terminal, so that Ctrl-C is a signal to it as it is to anything at a terminal.
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one call
    ) as ran:
        os.close(theirs)
        try:
            yield Terminal(ours), ran
            ran.wait(timeout=60)
        finally:
            ran.kill()
            os.close(ours)
