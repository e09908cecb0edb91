"""`init`, `db` and `units`: getting started, the database in step, a timer that fits."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from meta_autonomous.cli.groups import group
from meta_autonomous.cli.session import EXIT_DONE, AsJson, Role, Session, reading_time
from meta_autonomous.cli.usage import WrongUsage

_FX_PREFIX: Final = "meta_auto_fx_"
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
    from meta_autonomous.ports import RefusedByGuard
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


def init(
    context: typer.Context,
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Write this setting, such as max_daily_spend_usd=1000; may be repeated.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a configuration that exists.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Write a configuration, make a database.

    The file is commented and holds every setting. It goes to --config, else META_AUTO_CONFIG,
    else the usual place, with mode 0600.
    """
    session = Session.of(context, as_json=as_json)
    from tempfile import mkstemp

    from meta_autonomous.bootstrap import open_store
    from meta_autonomous.config import template

    text = template.render(_checked(settings or ()))
    path = _place(session.config)
    if path.exists() and not force:
        from meta_autonomous.ports import RefusedByGuard

        raise RefusedByGuard(
            f"{path} exists already.", remedy="Keep it, or overwrite it with --force."
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made with mode 0600, read as it will be read, and only then put in its place.
    descriptor, name = mkstemp(dir=path.parent, suffix=".toml")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        session.permit(session.with_config(draft).settings(), Role.ADMIN)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    loaded = session.with_config(path).settings()
    with open_store(loaded, create=True):
        pass
    from meta_autonomous.render.setup import made_document

    shaped = {
        "config": str(path),
        "database": loaded.sources["meta_auto_database_url"].value,
        "state_dir": str(loaded.state_dir),
        "platform": loaded.system().platform,
        "mode": loaded.system().mode,
    }
    return session.present(shaped, lambda: made_document(shaped))


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
    return EXIT_DONE


def _write(made: Mapping[str, str], folder: Path) -> None:
    from meta_autonomous.ports import RefusedByGuard

    try:
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RefusedByGuard(
            f"{folder} can't be written: {error.strerror}.",
            remedy="Name a folder that exists and that you may write, or run this by sudo.",
        ) from None


def _place(named: Path | None) -> Path:
    """Where the file goes: the same places in which it is looked for."""
    from meta_autonomous.config.keys import CONFIG_VARIABLE
    from meta_autonomous.config.sources import config_home

    if named is not None:
        return named.expanduser().absolute()
    if os.environ.get(CONFIG_VARIABLE):
        return Path(os.environ[CONFIG_VARIABLE]).expanduser().absolute()
    home = config_home(os.environ)
    if home is None:
        raise WrongUsage(
            "This account has no home to keep a configuration in.", remedy="Give --config PATH."
        )
    return home / "meta-auto" / "config.toml"


def _checked(pairs: Sequence[str]) -> Mapping[str, Any]:
    """The settings that were named, each parsed and judged as the program itself does."""
    from meta_autonomous.config import KEYS, AutonomousSettings

    given: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        key = name.strip().lower()
        if not equals:
            raise WrongUsage(f"--set {pair!r} is not KEY=VALUE.")
        if key in KEYS and KEYS[key].is_secret:
            raise WrongUsage(
                f"{name} is a secret: it never stands in this file or on a command line.",
                remedy=f"Put it into a file of mode 0600 and set {key}_file to its path.",
            )
        given[key] = value.strip()
    settings = AutonomousSettings.of(given)
    names = dict.fromkeys(
        "meta_auto_fx" if name.startswith(_FX_PREFIX) else name for name in given
    )
    return {name: getattr(settings, name) for name in names}
