"""Where values come from: command line, environment, `.env`, TOML, credentials, defaults.

Each source is read into a layer; the first layer that has a key gives its value. A wrong value is
told even where a stronger source hides it: nothing that somebody wrote is ignored.
"""

import os
import pwd
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from meta_autonomous.config import private_files, toml_file
from meta_autonomous.config.checking import Origin, wrong_values
from meta_autonomous.config.fields import KEYS
from meta_autonomous.config.keys import CONFIG_VARIABLE, FX, FX_PREFIX, PREFIX, Key
from meta_autonomous.config.problems import Problem, SettingsError
from meta_autonomous.config.values import holds_password
from meta_autonomous.domain.likeness import nearest
from meta_autonomous.domain.quantities import OFFSETS


class Source(StrEnum):
    """A source's name as `policies show` tells it, the strongest first."""

    RUNTIME = "runtime override"
    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    DOTENV = ".env"
    TOML = "TOML"
    CREDENTIAL = "credential"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A value as somebody wrote it. `detail` is the variable, or the file it stands in."""

    value: Any = field(repr=False)
    source: Source
    detail: str
    origin: Origin


Layer = dict[str, Given]

#: What ends a key's name when the value is the path of a file that holds it.
_FILE: Final = "_file"
CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
#: The system's usual place; the person's own comes before it.
SYSTEM_CONFIG: Path = Path("/etc/meta-auto/config.toml")

VARIABLES: Final[Mapping[str, Key]] = {
    key.variable: key for name, key in KEYS.items() if name != FX
}
SECRETS: Final = tuple(name for name, key in KEYS.items() if key.is_secret)
#: The first words of our variables: what else begins so and is nearly one of them is a slip.
_FIRST_WORDS: Final = frozenset(name.partition("_")[0] for name in VARIABLES)


@dataclass(slots=True)
class Gathered:
    """All that was found. `unreadable` are secrets that this person may not read."""

    values: Layer = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unreadable: dict[str, Problem] = field(default_factory=dict)
    config_file: Path | None = None
    rest: toml_file.Rest = field(default_factory=toml_file.Rest)


def gather(
    env: Mapping[str, str],
    dotenv: Path | None,
    *,
    cli: Mapping[str, Any] | None = None,
    find_toml: "FindToml | None" = None,
) -> Gathered:
    """Every source's values, the strongest of each key, and all that is wrong with them.

    `dotenv` and what `find_toml` names need not exist. Raises SettingsError for a file that can't
    be believed or read.
    """
    found = Gathered()
    variables = _dotenv(dotenv, found)
    layers = [
        _command_line(cli or {}, found),
        _variables(env, Source.ENVIRONMENT, "environment", found),
        _variables(variables, Source.DOTENV, str(dotenv), found),
    ]
    if find_toml is not None:
        layers.append(_toml(find_toml(env, variables), found))
    for layer in layers:
        found.problems.extend(_wrong(layer))
    _secrets_of_files(layers, found)
    layers.append(_credentials(env, found))
    for layer in reversed(layers):
        found.values.update(layer)
    return found


def _wrong(layer: Layer) -> tuple[Problem, ...]:
    return wrong_values(
        {key: given.value for key, given in layer.items()},
        {key: given.origin for key, given in layer.items()},
    )


# --- command line, environment, .env ------------------------------------------------------------


def _command_line(cli: Mapping[str, Any], found: Gathered) -> Layer:
    layer: Layer = {}
    for spelled, value in cli.items():
        name = spelled.lower()
        where = "command line"
        if value is None:  # an option that was not used
            continue
        if name in SECRETS and not isinstance(value, SecretStr):
            says = "would be seen by everyone in the list of processes"
            found.problems.append(_secret_problem(spelled, where, says))
        elif (name in KEYS and name != FX) or name.startswith(FX_PREFIX):
            layer[name] = _given(value, Source.COMMAND_LINE, spelled, spelled, where)
        else:
            found.problems.append(
                _unknown(spelled, where, VARIABLES if spelled.isupper() else KEYS)
            )
    return layer


def _variables(variables: Mapping[str, str], source: Source, where: str, found: Gathered) -> Layer:
    layer: Layer = {}
    for name, text in variables.items():
        detail = name if source is Source.ENVIRONMENT else where
        if name in VARIABLES:
            if not (VARIABLES[name].is_secret and not text.strip()):
                layer[name.lower()] = _given(text, source, detail, name, where)
        elif name.startswith(FX_PREFIX.upper()):
            code = name.removeprefix(FX_PREFIX.upper())
            if code in OFFSETS:
                layer[name.lower()] = _given(text, source, detail, name, where)
            else:
                found.problems.append(_unknown_currency(name, where, code))
        elif name.startswith(PREFIX) and name != CONFIG_VARIABLE:
            found.problems.append(_unknown(name, where, (*VARIABLES, CONFIG_VARIABLE)))
        elif name.partition("_")[0] in _FIRST_WORDS:
            _suspect(name, where, found)
    return layer


def _suspect(name: str, where: str, found: Gathered) -> None:
    """Other programs' variables are none of our business, but a slip of the pen is."""
    guess = nearest(name, VARIABLES, likeness=85)
    if guess:
        found.warnings.append(f"{name} ({where}) is no setting and is ignored; {guess}")


def _dotenv(path: Path | None, found: Gathered) -> dict[str, str]:
    if path is None or path.is_dir():  # some keep a virtual environment there
        return {}
    try:
        contents = private_files.read(path, private_files.DOTENV, key=".env")
    except FileNotFoundError:
        return {}
    # What pydantic-settings itself parses with. The parser, not `dotenv_values`, because that
    # one skips a line that it can't read.
    from io import StringIO

    from dotenv.parser import parse_stream

    variables: dict[str, str] = {}
    for line in parse_stream(StringIO(contents.text)):
        is_ours = line.key is not None and (line.key in VARIABLES or line.key.startswith(PREFIX))
        if line.error or (is_ours and line.value is None):
            found.problems.append(
                Problem(
                    key=f"line {line.original.line}" if line.error else str(line.key),
                    where=str(path),
                    says="can't be read" if line.error else "has no value",
                    allowed="NAME=value, one on each line",
                )
            )
        elif line.key is not None and line.value is not None:
            variables[line.key] = line.value
    _insist_on_privacy(path, contents.facts, variables, found)
    return variables


def _insist_on_privacy(
    path: Path, facts: private_files.Facts, values: Mapping[str, object], found: Gathered
) -> None:
    """A file that holds a secret, or a URL with a password, is nobody else's to read."""
    if facts.is_private:
        return
    for name, value in values.items():
        key = KEYS.get(name.lower())
        if key is None or not key.is_private or not value:
            continue
        if key.is_secret or any(holds_password(url) for url in _urls(value)):
            found.problems.append(
                Problem(
                    key=name,
                    where=str(path),
                    says=f"is a secret in a file that others can read (mode {facts.permissions})",
                    allowed=private_files.PRIVATE_MODE,
                    remedy=private_files.PRIVACY_REMEDY,
                )
            )


def _urls(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return value.split(",")
    return [str(part) for part in value] if isinstance(value, (list, tuple)) else []


# --- TOML ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlPlace:
    """A TOML file; `is_usual` when nobody named it and it was found in one's own usual place."""

    path: Path
    is_usual: bool = False


FindToml = Callable[[Mapping[str, str], Mapping[str, str]], TomlPlace | None]


def toml_place(
    config_path: Path | None, cwd: Path, env: Mapping[str, str], dotenv: Mapping[str, str]
) -> TomlPlace | None:
    """`--config`, else META_AUTO_CONFIG, else the first of the usual places with a file."""
    named = env.get(CONFIG_VARIABLE) or dotenv.get(CONFIG_VARIABLE)
    if config_path is not None or named:
        path = (config_path or Path(str(named))).expanduser()
        return TomlPlace(path=cwd / path)
    places = [TomlPlace(path=SYSTEM_CONFIG)]
    own = config_home(env)
    if own is not None:
        places.insert(0, TomlPlace(path=own / "meta-auto" / "config.toml", is_usual=True))
    return next((place for place in places if os.path.lexists(place.path)), None)


def _toml(place: TomlPlace | None, found: Gathered) -> Layer:
    if place is None:
        return {}
    path = place.path
    # A home may be another's, when sudo keeps HOME: what lies there then decides nothing.
    rules = private_files.OUR_CONFIG if place.is_usual else private_files.GIVEN_CONFIG
    try:
        contents = private_files.read(path, rules, key="configuration", follow=True)
    except FileNotFoundError:
        raise SettingsError(
            [
                Problem(
                    key="--config or META_AUTO_CONFIG",
                    given=str(path),
                    says="does not exist",
                    allowed="the path of a TOML file",
                    remedy="Name an existing file, or write one with `meta-auto init`.",
                )
            ]
        ) from None
    document = toml_file.parse(contents.text, path)
    found.config_file, found.rest = path, document.rest
    found.problems.extend(document.problems)
    _insist_on_privacy(path, contents.facts, document.values, found)
    layer: Layer = {}
    for name, value in document.values.items():
        spelled = document.spelled[name]
        if name.startswith(FX_PREFIX) and name.removeprefix(FX_PREFIX).upper() not in OFFSETS:
            found.problems.append(_unknown_currency(spelled, str(path), spelled))
        else:
            layer[name] = _given(value, Source.TOML, str(path), spelled, str(path))
    return layer


# --- secrets ------------------------------------------------------------------------------------


def _secrets_of_files(layers: list[Layer], found: Gathered) -> None:
    """META_ACCESS_TOKEN_FILE and the like: what the file holds takes the place of the secret in
    the layer that named the file."""
    for secret in SECRETS:
        for layer in layers:
            named = layer.get(secret + _FILE)
            if named is None or not str(named.value).strip():
                if secret in layer:
                    break
                continue
            if secret in layer:
                if isinstance(layer[secret].value, SecretStr):  # from Python, read already
                    break
                found.problems.append(
                    Problem(
                        key=named.origin.spelled,
                        where=named.origin.where,
                        says=f"and {layer[secret].origin.spelled} are both set",
                        allowed="one of them",
                        remedy="Remove one of the two.",
                    )
                )
                break
            path = Path(str(named.value).strip()).expanduser()
            if path.is_absolute():  # else it was told already
                rules = private_files.SECRET
                layer.update(_of_file(secret, path, rules, named.origin, found))
            break


def _credentials(env: Mapping[str, str], found: Gathered) -> Layer:
    """What systemd puts into $CREDENTIALS_DIRECTORY, by the variable's name in lower case."""
    folder = env.get(CREDENTIALS_DIRECTORY)
    layer: Layer = {}
    if not folder:
        return layer
    for name, key in KEYS.items():
        path = Path(folder) / name
        if key.is_private and os.path.lexists(path):
            origin = Origin(spelled=key.variable, where=str(path))
            layer.update(_of_file(name, path, private_files.CREDENTIAL, origin, found))
    return layer


def _of_file(
    name: str,
    path: Path,
    rules: tuple[private_files.Rule, ...],
    origin: Origin,
    found: Gathered,
) -> Layer:
    """The secret that a file holds, or an empty layer and what is wrong with the file."""
    key = KEYS[name]
    try:
        text = private_files.read(path, rules, key=origin.spelled).text.strip()
    except FileNotFoundError:
        problem = Problem(
            key=origin.spelled,
            given=str(path),
            where=origin.where,
            says="does not exist",
            allowed="the whole path of a file of mode 0600",
            remedy="Put the file there, or correct the path.",
        )
        found.problems.append(problem)
        return {}
    except private_files.Unreadable as error:
        found.unreadable[name] = error.problems[0]
        return {}
    except SettingsError as error:
        found.problems.extend(error.problems)
        return {}
    if not text:
        found.problems.append(
            Problem(key=key.variable, where=str(path), says="is empty", allowed=key.allowed)
        )
        return {}
    layer = {name: _given(text, Source.CREDENTIAL, str(path), key.variable, str(path))}
    found.problems.extend(_wrong(layer))
    return layer


# --- the platform's places ----------------------------------------------------------------------


def home(env: Mapping[str, str]) -> Path | None:
    """The home of whoever runs this; None when there is none."""
    named = env.get("HOME", "")
    if named.startswith("/"):
        return Path(named)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def _xdg(env: Mapping[str, str], variable: str, *below_home: str) -> Path | None:
    named = env.get(variable, "")
    if named.startswith("/"):  # the specification: a relative one is to be ignored
        return Path(named)
    own = home(env)
    return own and own.joinpath(*below_home)


def config_home(env: Mapping[str, str]) -> Path | None:
    return _xdg(env, "XDG_CONFIG_HOME", ".config")


def default_state_dir(env: Mapping[str, str]) -> Path | None:
    base = _xdg(env, "XDG_STATE_HOME", ".local", "state")
    return base and base / "meta-auto"


# --- small parts --------------------------------------------------------------------------------


def _given(value: Any, source: Source, detail: str, spelled: str, where: str) -> Given:
    origin = Origin(spelled=spelled, where=where)
    return Given(value=value, source=source, detail=detail, origin=origin)


def _unknown(name: str, where: str, known: Iterable[str]) -> Problem:
    return Problem(
        key=name,
        where=where,
        says=f"is no setting{_guess(name, known)}",
        remedy="Correct or remove it.",
    )


def _guess(name: str, known: Iterable[str]) -> str:
    guess = nearest(name, known)
    return f"; {guess}" if guess else ""


def _unknown_currency(name: str, where: str, code: str) -> Problem:
    return Problem(
        key=name,
        where=where,
        says=f"names no currency: {code}",
        allowed="the code of a currency of Meta's table, such as META_AUTO_FX_EUR",
    )


def _secret_problem(name: str, where: str, says: str) -> Problem:
    or_file = f" or {name.upper()}{_FILE.upper()}" if name.lower() + _FILE in KEYS else ""
    return Problem(
        key=name,
        where=where,
        says=says,
        allowed="the environment, a private .env, a file of mode 0600, a systemd credential",
        remedy=f"Give it as {name.upper()}{or_file}.",
    )
