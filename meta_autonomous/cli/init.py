"""`init`: a configuration and a database. At a terminal it asks; from a script it is told."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from meta_autonomous.cli.session import AsJson, Role, Session
from meta_autonomous.cli.usage import WrongUsage

if TYPE_CHECKING:
    from meta_autonomous.config import LoadedSettings

_FX_PREFIX: Final = "meta_auto_fx_"


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
        bool,
        typer.Option(
            "--force", help="Begin anew where a configuration exists; it is kept beside."
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Write a configuration, make a database.

    At a terminal it asks for the ad accounts, the daily cap and where to mail suggestions, and
    tries each answer. With --set, --force or --json, or without a terminal, it asks nothing.
    A configuration that exists is refused; --force begins anew and keeps a copy of it.

    The file is commented and holds every setting. It goes to --config, else META_AUTO_CONFIG,
    else the usual place, with mode 0600. The token never stands in it, and is never asked for.
    """
    session = Session.of(context, as_json=as_json)
    given = _checked(settings or ())
    path = _place(session.config)
    if path.exists() and not force:
        from meta_autonomous.ports.errors import RefusedByGuard

        raise RefusedByGuard(
            f"{path} exists already.",
            remedy="Edit the file, or begin anew with --force: a copy of it is kept.",
        )
    if not (settings or force or session.as_json) and _somebody_is_there():
        given = _asked(session, path)
    from meta_autonomous.adapters.whole_file import replaceable
    from meta_autonomous.bootstrap import open_store
    from meta_autonomous.render.setup import made_document

    place = replaceable(path)  # behind a link, which stays
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft(given, place.parent) as draft:
        loaded = session.with_config(draft).settings()
        session.permit(loaded, Role.ADMIN)
        with open_store(loaded, create=True):
            pass  # what can fail comes first: the configuration that is there stands till then
        is_there = place.exists()  # perhaps only since the first question
        kept = _kept(place, draft) if is_there else None
        draft.replace(place)
    shaped = {
        "config": str(path),
        "replaced": is_there,
        "kept": None if kept is None else str(kept),
        "database": loaded.sources["meta_auto_database_url"].value,
        "state_dir": str(loaded.state_dir),
        "platform": loaded.system().platform,
        "mode": loaded.system().mode,
    }
    return session.present(shaped, lambda: made_document(shaped))


@contextmanager
def _draft(given: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """The file, made with mode 0600, to be read as it will be read and then put in its place.
    Whatever happens, no half of it is left."""
    from tempfile import mkstemp

    from meta_autonomous.config import template

    text = template.render(given)
    descriptor, name = mkstemp(dir=folder, suffix=".toml")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _kept(path: Path, draft: Path) -> Path | None:
    """A copy of the configuration that is to be replaced, beside it, as `config.toml.old`, then
    `config.toml.old-2` and so on: none is ever overwritten. None where nothing would be lost."""
    text = path.read_bytes()
    if text == draft.read_bytes():
        return None
    later = (path.with_name(f"{path.name}.old-{number}") for number in count(2))
    places = chain([path.with_name(f"{path.name}.old")], later)
    copy = next(place for place in places if not os.path.lexists(place))
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    return copy


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked(session: Session, path: Path) -> Mapping[str, Any]:
    """What a person answers. Raises Abort when they leave, and nothing was written."""
    from meta_autonomous.cli.interview import begin, interview

    def as_it_will_be_read(given: Mapping[str, Any]) -> "LoadedSettings":
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="meta-auto-") as folder, _draft(given, Path(folder)) as one:
            return session.with_config(one).settings()

    session.permit(as_it_will_be_read({}), Role.ADMIN)
    begin(path)
    return interview(as_it_will_be_read)


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
