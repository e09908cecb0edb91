"""`report`: a look back, in the terminal and as a page with plots."""

from pathlib import Path
from typing import Annotated, Final

import typer

from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.domain.exit_code import ExitCode

_STDOUT: Final = Path("-")


def report(
    context: typer.Context,
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with plots; -: on stdout."),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", help="How far back.", min=1, max=366)
    ] = 28,
    as_json: AsJson = False,
) -> int:
    """Look back: spend, ROAS, actions, and what held back.

    The page needs nothing but itself: no script, nothing from elsewhere. It may be mailed. It is
    readable by its owner only, for it tells what you spend.
    """
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.operations.report import report as look_back

        found = look_back(
            store,
            loaded.system(),
            loaded.book(),
            loaded.rates(),
            days=days,
            now=reading_time(loaded),
        )
    if html == _STDOUT:
        from meta_autonomous.render.output import stream
        from meta_autonomous.render.report_page import report_page

        stream([report_page(found)])
        return ExitCode.DONE
    if html is not None:
        from meta_autonomous.adapters.whole_file import write_whole
        from meta_autonomous.render.report_page import report_page

        try:
            write_whole(html.absolute(), report_page(found), mode=0o600)
        except OSError as error:  # under the name that was given, not the draft's
            raise OSError(error.errno, error.strerror, str(html)) from None
    from meta_autonomous.render.report import report_document

    file = "" if html is None else str(html)
    shaped = found.to_json() | {"html": file or None}
    return session.present(shaped, lambda: report_document(found, written=file))
