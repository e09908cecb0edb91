"""`db` and `units`: the database in step, a timer that fits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import AsJson, Role, Session, reading_time
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.domain.exit_code import ExitCode

_MOST_DAYS: Final = 36_525

db_app = group("The database.")


@db_app.command()
def upgrade(context: typer.Context, *, as_json: AsJson = False) -> int:
    """Bring the database to this version."""
    session = Session.of(context, as_json=as_json)
    loaded = session.settings()
    session.permit(loaded, Role.ADMIN)
    from meta_autonomous.adapters.database import Database
    from meta_autonomous.render.setup import upgraded_document

    platform = loaded.system().platform
    database = Database(loaded.database_url, platform=platform)
    try:
        upgraded = database.upgrade()
    finally:
        database.close()
    shaped = {"upgraded": upgraded, "database": database.location, "platform": platform}
    return session.present(shaped, lambda: upgraded_document(shaped))


@db_app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
    *,
    as_json: AsJson = False,
) -> int:
    """Copy a SQLite database while it is in use.

    The copy is whole, and of mode 0600: it holds the audit trail and everything that was decided.
    """
    session = Session.of(context, as_json=as_json)
    loaded = session.settings()
    session.permit(loaded, Role.ADMIN)
    from meta_autonomous.adapters.database import Database
    from meta_autonomous.ports.errors import RefusedByGuard
    from meta_autonomous.render.setup import backed_up_document

    target = file.expanduser().absolute()
    platform = loaded.system().platform
    database = Database(loaded.database_url, platform=platform)
    try:
        if not database.exists():
            database.check()  # says so; an older schema is copied all the same
        if target.exists():
            raise RefusedByGuard(f"{target} exists already.", remedy="Name a new file.")
        database.backup(target)
    finally:
        database.close()
    shaped = {
        "backup": str(target),
        "bytes": target.stat().st_size,
        "database": database.location,
        "platform": platform,
    }
    return session.present(shaped, lambda: backed_up_document(shaped))


@db_app.command()
def prune(
    context: typer.Context,
    *,
    older_than: Annotated[
        int | None,
        typer.Option("--older-than", metavar="DAYS", help="What to keep: 365 days, at least 35."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="DIR", help="Where months of the ledger go."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Remove what is old, archive old months of the ledger.

    Whole months of the audit trail are written to files (in the folder `archive` of the state
    folder, unless --archive names another), sealed by an entry, and only then removed; `ledger
    verify --archive` proves that they still link up. What was executed stays, and can be undone.
    """
    session = Session.of(context, as_json=as_json)
    loaded = session.settings()
    actor = session.permit(loaded, Role.ADMIN)
    from datetime import timedelta

    from meta_autonomous.adapters.database import Database
    from meta_autonomous.adapters.ledger_archive import ArchiveFolder
    from meta_autonomous.operations import prune as retention
    from meta_autonomous.render.setup import pruned_document, pruned_json

    days = retention.USUAL_DAYS if older_than is None else older_than
    if not retention.LEAST_DAYS <= days <= _MOST_DAYS:
        raise WrongUsage(
            f"--older-than {days}: limits, cooldowns and undo look back further."
            if days < retention.LEAST_DAYS
            else f"--older-than {days} is more than a century.",
            remedy=f"Keep at least {retention.LEAST_DAYS} days.",
        )
    folder = (archive or loaded.state_dir / "archive").expanduser().absolute()
    platform = loaded.system().platform
    database = Database(loaded.database_url, platform=platform)
    try:
        database.check()
        pruned = retention.prune(
            database,
            ArchiveFolder(folder),
            platform=platform,
            older_than=timedelta(days=days),
            now=reading_time(loaded),
            who=actor.name,
            dry_run=dry_run,
        )
    finally:
        database.close()
    shaped = pruned_json(pruned, days=days, archive=str(folder), platform=platform)
    return session.present(shaped, lambda: pruned_document(shaped))


def units(
    context: typer.Context,
    *,
    instance: Annotated[
        str | None,
        typer.Option(
            "--instance",
            metavar="NAME",
            help="For this instance alone, such as production; without it: for all of them.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--write", metavar="DIR", help="Write them there, such as /etc/systemd/system."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Print systemd units for the configured interval.

    The timer then fires every META_AUTO_INTERVAL_SECONDS. The configuration of an instance is
    /etc/meta-auto/NAME/config.toml: give it by --config. What was written takes effect with
    `systemctl daemon-reload`.
    """
    session = Session.of(context, as_json=as_json)
    interval = session.settings().system().interval_seconds
    from meta_autonomous.operations.timer_units import is_instance, timer_for, unit_files
    from meta_autonomous.render import output
    from meta_autonomous.render.setup import units_text, written_document

    if instance is not None and not is_instance(instance):
        raise WrongUsage(
            f"--instance {instance!r} is no name of an instance.",
            remedy="Use lower-case letters, digits and -, such as production.",
        )
    made = {unit.name: unit.text for unit in unit_files(interval, instance)}
    shaped = {
        "interval_seconds": interval,
        "timer": timer_for(interval).splitlines(),
        "instance": instance,
        "units": made,
        "folder": None if folder is None else str(folder.expanduser().absolute()),
    }
    if folder is not None:
        _write(made, folder.expanduser())
        return session.present(shaped, lambda: written_document(shaped))
    if session.as_json:
        output.show_json(shaped)
    else:
        output.write(units_text(made))
    return ExitCode.DONE


def _write(made: Mapping[str, str], folder: Path) -> None:
    from meta_autonomous.ports.errors import RefusedByGuard

    try:
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RefusedByGuard(
            f"{folder} can't be written: {error.strerror}.",
            remedy="Name a folder that exists and that you may write, or run this by sudo.",
        ) from None
