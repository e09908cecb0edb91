"""The program, but it dies at a named point. Nothing of the product knows of this.

    python -m tests.crashes.victim POINT-AS-JSON tick --json

A function of the product is wrapped so that the process kills itself with SIGKILL right before
or right after it; then the program's own `main` runs with the given arguments.
"""

import contextlib
import functools
import inspect
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

When = Literal["before", "after", "inside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where a process dies: at the `nth` call of `target` ("module:qualified.name") whose
    arguments mention every word of `given`. `inside` is for what is entered (`with …`)."""

    target: str
    when: When
    given: tuple[str, ...] = ()
    nth: int = 1
    deed: str = "die"  # or "stop" (SIGSTOP), or "kill N": kill process N instead and live on

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run(arguments: Sequence[str], point: Mapping[str, Any] | None) -> int:
    """The program's exit code, if it lives to give one."""
    from meta_autonomous.__main__ import main

    if point is not None:
        _arm(point)
    return main(list(arguments))


def _arm(point: Mapping[str, Any]) -> None:
    for text in point.get("settings", ()):
        target, _, seconds = text.partition("=")
        _set(target, float(seconds))
    if "newer_schema" in point:
        _be_a_newer_program(Path(point["newer_schema"]))
    wire = point.get("wire")
    if wire is not None:
        _WIRES[wire](_deed_of(point.get("deed", "die")))
    for hook in point.get("hooks", ()):
        _wrap(Hook(**{**hook, "given": tuple(hook["given"])}))


def _deed_of(words: str) -> Callable[[], None]:
    if words.startswith("kill "):
        return functools.partial(_kill_another, [int(pid) for pid in words.split()[1:]])
    sent = signal.SIGSTOP if words == "stop" else signal.SIGKILL
    return functools.partial(os.kill, os.getpid(), sent)


def _kill_another(pids: Sequence[int]) -> None:
    """A server and what it serves: with its children, who would live a moment longer."""
    for pid in pids:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").glob("*/children")
            for child in task.read_text().split()
        ]
        for one in (pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
    time.sleep(0.05)  # until the kernel has closed their sockets


# --- around a function --------------------------------------------------------------------------


def _wrap(hook: Hook) -> None:
    owner, name = _place(hook.target)
    raw = inspect.getattr_static(owner, name)
    original = getattr(owner, name)
    seen = 0
    deed = _deed_of(hook.deed)

    def is_it(args: Any, kwargs: Any) -> bool:
        nonlocal seen
        told = f"{args!r} {kwargs!r}" if hook.given else ""
        if not all(word in told for word in hook.given):
            return False
        seen += 1
        return seen == hook.nth

    @functools.wraps(original)
    def plain(*args: Any, **kwargs: Any) -> Any:
        now = is_it(args, kwargs)
        if now and hook.when == "before":
            deed()
        result = original(*args, **kwargs)
        if now and hook.when == "after":
            deed()
        return result

    @functools.wraps(original)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        now = is_it(args, kwargs)
        if now and hook.when == "before":
            deed()
        result = await original(*args, **kwargs)
        if now and hook.when == "after":
            deed()
        return result

    @functools.wraps(original)
    @contextlib.contextmanager
    def entered(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with original(*args, **kwargs) as given:
            if is_it(args, kwargs):
                deed()
            yield given

    if isinstance(raw, staticmethod | classmethod | property):
        raise TypeError(f"{hook.target} is not a plain function or method")
    wrapped: Any = entered if hook.when == "inside" else plain
    if inspect.iscoroutinefunction(original):
        wrapped = awaited
    setattr(owner, name, wrapped)


def _place(target: str) -> tuple[Any, str]:
    module, _, path = target.partition(":")
    owner: Any = import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    return owner, name


def _set(target: str, seconds: float) -> None:
    """A constant of the product that says how long, shortened for a test."""
    owner, name = _place(target)
    is_span = isinstance(getattr(owner, name), timedelta)
    setattr(owner, name, timedelta(seconds=seconds) if is_span else seconds)


# --- on the wire --------------------------------------------------------------------------------


def _on_the_writes_connection(deed: Callable[[], None], *, at: str) -> None:
    """Between connecting and the answer: the transport's own stream, of the POST alone."""
    from httpcore2._backends import anyio as backend

    write, read = backend.AnyIOStream.write, backend.AnyIOStream.read
    posting: set[int] = set()

    async def writing(stream: Any, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if buffer.startswith(b"POST "):
            posting.add(id(stream))
            if at == "connected":
                deed()
            if at == "half sent":
                await write(stream, buffer[: len(buffer) // 2], timeout)
                deed()
                await write(stream, buffer[len(buffer) // 2 :], timeout)
                return
        await write(stream, buffer, timeout)

    async def reading(stream: Any, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if at != "half read" or id(stream) not in posting:
            return await read(stream, max_bytes, timeout)
        part = await read(stream, 20, timeout)
        deed()
        return part

    backend.AnyIOStream.write = writing
    backend.AnyIOStream.read = reading


def _in_the_handler_of_sigterm(deed: Callable[[], None]) -> None:
    import asyncio

    loop = asyncio.SelectorEventLoop
    add = loop.add_signal_handler

    def adding(self: Any, number: int, handler: Callable[..., Any], *args: Any) -> None:
        def handle() -> None:
            deed()
            handler(*args)

        add(self, number, handle if number == signal.SIGTERM else handler)

    loop.add_signal_handler = adding  # type: ignore[method-assign]


_WIRES: Final[Mapping[str, Callable[[Callable[[], None]], None]]] = {
    "connected": functools.partial(_on_the_writes_connection, at="connected"),
    "half sent": functools.partial(_on_the_writes_connection, at="half sent"),
    "half read": functools.partial(_on_the_writes_connection, at="half read"),
    "sigterm": _in_the_handler_of_sigterm,
}


# --- another version ----------------------------------------------------------------------------


def _be_a_newer_program(migrations: Path) -> None:
    """The program as its next version might be: it knows one revision more."""
    from meta_autonomous.adapters.database import schema

    files = sorted(file.name[:4] for file in (migrations / "versions").glob("[0-9]*.py"))
    schema.REVISIONS = tuple(files)  # type: ignore[misc]
    schema.HEAD = files[-1]  # type: ignore[misc]
    schema.MIGRATIONS = migrations  # type: ignore[misc]


if __name__ == "__main__":
    sys.exit(run(sys.argv[2:], json.loads(sys.argv[1])))
