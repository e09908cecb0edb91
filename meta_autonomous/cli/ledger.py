"""`ledger`: the audit trail."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.statuses import SINCE_HELP, since
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.domain.exit_code import ExitCode

app = group("The audit trail: who did what, when and why.")


class ExportFormat(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@app.command("list")
def list_entries(
    context: typer.Context,
    *,
    from_time: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help=SINCE_HELP)
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", help="At most so many.", min=1)
    ] = 100,
    as_json: AsJson = False,
) -> int:
    """List the latest entries."""
    session = Session.of(context, as_json=as_json)
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        begins = since(from_time, lambda: reading_time(loaded))
        entries = store.ledger(since=begins, limit=limit)
    from meta_autonomous.render import ledger as render

    return session.present(
        [render.entry_json(entry, platform=platform) for entry in entries],
        lambda: render.ledger_document(entries, platform=platform),
    )


@app.command()
def verify(
    context: typer.Context,
    *,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="SEQ:HASH", help="An entry that you wrote down: it must be there."
        ),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive", metavar="DIR", help="Prove the months that `db prune` moved there, too."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Prove that nothing was changed later.

    Names the first broken entry, if there is one (exit 3). After `db prune` it begins where the
    archived months end, and says so.
    """
    session = Session.of(context, as_json=as_json)
    from meta_autonomous.adapters.database.ledger_proof import noted

    if noted(expect) is None:
        raise WrongUsage(
            f"--expect {expect!r} is not SEQ:HASH.",
            remedy="Give a head as `meta-auto ledger verify` printed it.",
        )
    with session.records(Role.MANAGER) as (store, loaded, _):
        platform = loaded.system().platform
        if archive is None:
            check = store.verify_ledger(expect=expect)
        else:
            from meta_autonomous.adapters.ledger_archive import ArchiveFolder
            from meta_autonomous.operations.prune import verify_with_archive

            folder = ArchiveFolder(archive.expanduser().absolute())
            check = verify_with_archive(store, folder, expect=expect)
    from meta_autonomous.render import ledger as render

    return session.present(
        render.check_json(check, platform=platform),
        lambda: render.check_document(check, platform=platform),
        code=ExitCode.DONE if check.ok else ExitCode.REFUSED,
    )


@app.command()
def export(
    context: typer.Context,
    *,
    form: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="jsonl (default): one entry a line, as it was hashed; csv: for spreadsheets.",
        ),
    ] = None,
    from_time: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help=SINCE_HELP)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Print every entry as it is stored.

    Each line of jsonl has seq, prev, hash and the body, untouched: enough to compute the chain
    elsewhere. --since begins at the first entry that is not older, and leaves none out from there.
    """
    session = Session.of(context, as_json=as_json)
    if session.as_json and form is not None:
        raise WrongUsage("Give --json, which prints one list, or --format, not both.")
    with session.records(Role.MANAGER) as (store, loaded, _):
        from meta_autonomous.render import ledger as render
        from meta_autonomous.render.output import stream

        lines = store.ledger_lines(since=since(from_time, lambda: reading_time(loaded)))
        if session.as_json:
            stream(render.exported_list(lines))
        elif form is ExportFormat.CSV:
            stream(render.exported_csv(lines))
        else:
            stream(render.exported_lines(lines))
    return ExitCode.DONE
