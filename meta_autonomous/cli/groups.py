"""Commands and groups of commands, as all of them are made: their help leads with examples."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from meta_autonomous.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from typer import Context

#: The Python type that typer writes behind an argument's name: `ID <list[int]>`.
_PYTHON_TYPE: Final = re.compile(r" <(list\[)?(str|int|float|int range)\]?>$")
_WHOLE: Final = 200


class Command(TyperCommand):
    def format_help_text(self, ctx: "Context", formatter: Any) -> None:  # type: ignore[override]
        super().format_help_text(ctx, formatter)
        _write_examples(ctx, formatter)

    def format_options(self, ctx: "Context", formatter: Any) -> None:  # type: ignore[override]
        _write_params(self, ctx, formatter)


class Group(TyperGroup):
    def format_help_text(self, ctx: "Context", formatter: Any) -> None:  # type: ignore[override]
        super().format_help_text(ctx, formatter)
        _write_examples(ctx, formatter)

    def format_options(self, ctx: "Context", formatter: Any) -> None:  # type: ignore[override]
        """The commands before the options: what can be done is what is looked for."""
        rows = [
            (name, self.commands[name].get_short_help_str(_WHOLE))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        _write_params(self, ctx, formatter)


class Program(typer.Typer):
    """A typer whose commands are ours."""

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:
        return super().command(name, cls=Command, **options)


def program(help_text: str, **options: Any) -> Program:
    return Program(
        help=help_text,
        no_args_is_help=True,
        rich_markup_mode=None,  # rich help costs 110 ms of every --help
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,  # a local may hold a token
        **options,
    )


def group(help_text: str) -> Program:
    return program(help_text, cls=Group)


def _write_examples(ctx: "Context", formatter: Any) -> None:
    words = ctx.command_path.removeprefix("meta-auto").strip()
    with formatter.section("Examples"):
        for example in EXAMPLES[words]:
            # Written as they are: a command line that was wrapped could not be copied.
            margin = " " * formatter.current_indent
            formatter.write(f"{margin}# {example.purpose}\n{margin}{example.line}\n")


def _write_params(command: TyperCommand | TyperGroup, ctx: "Context", formatter: Any) -> None:
    for kind, title in (("argument", "Arguments"), ("option", "Options")):
        rows = params_told(command, ctx, kind)
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


def params_told(
    command: TyperCommand | TyperGroup, ctx: "Context", kind: str
) -> list[tuple[str, str]]:
    """The arguments or the options of a command: how each is given, and what it is for."""
    records = [
        param.get_help_record(ctx)
        for param in command.get_params(ctx)
        if param.param_type_name == kind
    ]
    return [(_PYTHON_TYPE.sub("", name), told) for name, told in filter(None, records)]
