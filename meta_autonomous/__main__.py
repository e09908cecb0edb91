"""The program's door: parses, dispatches, and turns every failure into one line and an exit code.

Nothing heavy is imported before it is known to be needed; `--version` needs nothing at all.
"""

import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

from meta_autonomous.cli import VERSION

#: Imports and pages of rows make hundreds of thousands of objects that no cycle holds. To look
#: for cycles among every 700 new ones, as Python does, takes a tenth of a command's time.
_NEW_OBJECTS: Final = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_the_closed()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)
    # Plugins of pydantic that happen to be installed are none of ours, and looking for them reads
    # the metadata of every package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return _interrupted(arguments)
    except Exception as error:  # noqa: BLE001 - the one place that may catch everything
        if isinstance(error, BrokenPipeError) and _reader_left():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0  # whatever was done is done and recorded
        from meta_autonomous.cli.failures import report

        return report(error, arguments)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        sys.stdout.write(f"meta-auto {VERSION}\n")
        sys.stdout.flush()
        return 0
    from meta_autonomous.cli.app import run
    from meta_autonomous.domain.exit_code import ExitCode

    code = run(arguments)
    sys.stdout.flush()
    return _interrupted(arguments) if code == ExitCode.INTERRUPTED else code


def _open_the_closed() -> None:
    """A stream that was closed before we came (`>&-`) is None to Python, and its number would go
    to the next file that is opened: the database, perhaps. What is written to such a stdout fails
    as it does to any closed file; what is for such a stderr goes nowhere."""
    for name, way in (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, way)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _reader_left() -> bool:
    """Whether it is our output that nobody reads any more: other pipes break, too."""
    import select

    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


def _interrupted(arguments: Sequence[str]) -> int:
    from meta_autonomous.cli.failures import report_interruption

    return report_interruption(arguments)


if __name__ == "__main__":
    sys.exit(main())
