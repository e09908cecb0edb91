"""A warm parent: processes of the real program without the half second of imports before each.

    python -m tests.crashes.warm        (a test's own child; it answers JSON lines)

It imports the program once and forks. Each child is a process of its own, with its own signals,
sockets, locks and connections; it gets arguments, environment and folder, and calls the same
`main` that the command `meta-auto` does. Nothing is opened before the fork.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Warm:
    """The test's side of it."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.warm"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._guard = threading.Lock()
        self._ask({"op": "hello"})

    def start(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: Path,
        point: Mapping[str, Any] | None = None,
        barrier: Path | None = None,
    ) -> int:
        """Its pid. `barrier` is a FIFO: the child begins when it is opened for writing."""
        return int(
            self._ask(
                {
                    "op": "start",
                    "arguments": list(arguments),
                    "env": dict(env),
                    "cwd": str(cwd),
                    "output": str(output),
                    "point": None if point is None else dict(point),
                    "barrier": None if barrier is None else str(barrier),
                }
            )
        )

    def wait(self, pid: int, timeout: float) -> int | None:
        """Its exit code, -9 when it was killed; None when it still runs after `timeout`."""
        deadline = time.monotonic() + timeout
        while True:
            code = self._ask({"op": "wait", "pid": pid})
            if code is not None or time.monotonic() > deadline:
                return None if code is None else int(code)
            time.sleep(0.01)

    def close(self) -> None:
        self._parent.communicate(timeout=10)

    def _ask(self, what: Mapping[str, Any]) -> Any:
        with self._guard:
            assert self._parent.stdin is not None
            assert self._parent.stdout is not None
            self._parent.stdin.write(json.dumps(what) + "\n")
            self._parent.stdin.flush()
            return json.loads(self._parent.stdout.readline())


# --- the parent's side --------------------------------------------------------------------------


def _serve() -> None:
    _import_the_program()
    gc.freeze()  # what every child shares is not walked by each child's collector
    ended: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        answer: Any = None
        if asked["op"] == "start":
            answer = os.fork()
            if answer == 0:
                _be_the_program(asked)
            ended.pop(answer, None)  # the number may have been another's before
        elif asked["op"] == "wait":
            answer = _ended(asked["pid"], ended)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _ended(pid: int, ended: dict[int, int]) -> int | None:
    if pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found == 0:
            return None
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _import_the_program() -> None:
    from importlib import import_module
    from pkgutil import walk_packages

    import meta_autonomous

    # What the libraries import only when they are used.
    for name in (
        "anyio._backends._asyncio",
        "psycopg",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite",
        "tests.crashes.victim",
    ):
        import_module(name)
    for module in walk_packages(meta_autonomous.__path__, "meta_autonomous."):
        if ".migrations." not in module.name and not module.name.endswith("__main__"):
            import_module(module.name)


def _be_the_program(asked: Mapping[str, Any]) -> None:
    """In the child, and for good."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(asked["env"])
        os.chdir(asked["cwd"])
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _redirect(asked["output"])
        if asked["barrier"] is not None:
            Path(asked["barrier"]).open("rb").close()  # opening it is the waiting
        from tests.crashes.victim import run

        code = run(asked["arguments"], asked["point"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _redirect(output: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for stream, suffix in ((1, "out"), (2, "err")):
        file = os.open(f"{output}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, stream)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


if __name__ == "__main__":
    _serve()
