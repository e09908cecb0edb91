"""Every failure as one clear line with a remedy and an exit code, or as JSON under ``--json``.

A traceback is shown only with ``--debug``, and never with a token in it.
"""

import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import typer

from meta_autonomous.cli.logs import redacted
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.likeness import nearest
from meta_autonomous.domain.text import advised, sentence
from meta_autonomous.ports.errors import MetaAutoError
from meta_autonomous.render.output import OutputLost, complain, last_words, show_json
from meta_autonomous.render.text import visible

#: The options of the program itself, which some write behind the command.
_GLOBAL_WITH_VALUE: Final = ("--config", "--log-format")
_GLOBAL: Final = (*_GLOBAL_WITH_VALUE, "--debug", "--version")
_USAGE_ERROR: Final = typer.BadParameter.__mro__[1]  # click's class, which typer does not export


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as it is told."""

    exit_code: int
    code: str
    message: str
    remedy: str


def report(error: Exception, arguments: Sequence[str]) -> int:
    """Tell it, and return the exit code."""
    if isinstance(error, OSError) and error.filename is None:
        try:
            last_words()  # typer prints help by itself, and leaves what could not be written
        except OutputLost as lost:
            error = lost
    if "--debug" in arguments:
        trace = redacted("".join(traceback.format_exception(error)))
        complain("\n".join(visible(line) for line in trace.splitlines()))
    failure = explained(error)
    if type(error).__name__ == "NoArgsIsHelpError" and "--json" not in arguments:
        complain(str(error))  # the help itself
        return failure.exit_code
    can_be_read = not isinstance(error, OutputLost)
    _tell(failure, as_json="--json" in arguments and can_be_read)
    return failure.exit_code


def report_interruption(arguments: Sequence[str]) -> int:
    failure = Failure(
        exit_code=ExitCode.INTERRUPTED,
        code="interrupted",
        message="Interrupted.",
        remedy="Whatever was sent to Meta is on record; the next tick settles what is in doubt.",
    )
    _tell(failure, as_json="--json" in arguments)
    return failure.exit_code


def explained(error: Exception) -> Failure:
    if isinstance(error, MetaAutoError):
        return Failure(
            exit_code=error.exit_code,
            code=error.code,
            message=error.message,
            remedy=error.remedy,
        )
    if isinstance(error, WrongUsage):
        return Failure(
            exit_code=ExitCode.USAGE, code="usage", message=error.message, remedy=error.remedy
        )
    if isinstance(error, _USAGE_ERROR):
        return _of_usage(error)
    if isinstance(error, typer.Abort):
        return Failure(
            exit_code=ExitCode.INTERRUPTED,
            code="interrupted",
            message="Stopped before anything was done.",
            remedy="",
        )
    if isinstance(error, (OSError, OutputLost)):
        return _of_the_system(error)
    return Failure(
        exit_code=ExitCode.INTERNAL,
        code="internal",
        message=f"Something went wrong inside meta-auto: {type(error).__name__}: {error}",
        remedy="Run it again with --debug before the command to see where, and please report it.",
    )


def _of_usage(error: Exception) -> Failure:
    # What click and typer know of the error: a formatted message and where it happened.
    message = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", None) or "meta-auto"
    remedy = f"See `{command} --help`."
    if type(error).__name__ == "NoArgsIsHelpError":
        message = f"{command} needs a command"
    elif option := getattr(error, "option_name", ""):
        message = str(getattr(error, "message", message))
        if option in _GLOBAL and command != "meta-auto":
            words = command.removeprefix("meta-auto ")
            value = " …" if option in _GLOBAL_WITH_VALUE else ""
            remedy = f"It stands before the command: `meta-auto {option}{value} {words}`."
        elif near := getattr(error, "possibilities", None):
            message += f". Did you mean {near[0]}?"
    elif wrong := _wrong_value(error):
        head = message.partition(": ")[0]  # Invalid value for '--days'
        message = f"{head}: {wrong}"
    return Failure(
        exit_code=ExitCode.USAGE, code="usage", message=sentence(message), remedy=remedy
    )


def _wrong_value(error: Exception) -> str:
    """What was given and what is allowed, in words for people: typer passes pydantic's on."""
    cause: Any = error.__cause__
    if not hasattr(cause, "errors"):
        return ""
    told = cause.errors(include_url=False)
    given, kind, limits = told[0]["input"], told[0]["type"], told[0].get("ctx", {})
    match kind:
        case "int_parsing" | "int_from_float":
            return f"{given!r} is not a whole number"
        case "float_parsing":
            return f"{given!r} is not a number"
        case "greater_than_equal":
            return f"{given!r} is less than {limits['ge']}"
        case "less_than_equal":
            return f"{given!r} is more than {limits['le']}"
        case _:
            text = str(told[0]["msg"]).removeprefix("Value error, ").rstrip(".")
            choices = re.findall(r"'([^']*)'", text.partition(" is not one of ")[2])
            return f"{text}; {nearest(str(given), choices)}".rstrip("; ")


def _of_the_system(error: OSError | OutputLost) -> Failure:
    if isinstance(error, OutputLost):
        return Failure(
            exit_code=ExitCode.INTERNAL,
            code="output",
            message=f"The output could not be written: {error.reason}",
            remedy="Whatever was to be done is done and recorded: `meta-auto status` shows it.",
        )
    where = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error)
    return Failure(
        exit_code=ExitCode.INTERNAL,
        code="system",
        message=f"{where}{reason}",
        remedy="Check the path, its owner and mode, and the free space on the disk.",
    )


def _tell(failure: Failure, *, as_json: bool) -> None:
    message = redacted(failure.message)
    remedy = redacted(failure.remedy)
    if as_json:
        told = {"code": failure.code, "message": message, "remedy": remedy}
        try:
            show_json({"error": told})
        except OutputLost:
            pass  # then it is told on stderr
        else:
            return
    complain(visible(f"meta-auto: {advised(message, remedy)}"))
