"""Where a secret may come from, and from which files it is not taken."""

import os
import stat
from pathlib import Path

import pytest

from meta_autonomous.config import AutonomousSettings, SettingsError, effective, private_files
from meta_autonomous.config.private_files import Facts, Unreadable, read

TOKEN = "EAAhunter2"
IS_ROOT = os.geteuid() == 0
REGULAR = stat.S_IFREG


def secret_file(machine, text: str = TOKEN + "\n", *, mode: int = 0o600) -> Path:
    return machine.write(machine.root / "secrets" / "token", text, mode=mode)


def never_told(error: SettingsError) -> bool:
    return "hunter2" not in f"{error!r} {error} {error.remedy}"


# --- where from ---------------------------------------------------------------------------------


def test_the_token_comes_from_the_environment(machine) -> None:
    loaded = machine.load(META_ACCESS_TOKEN=f" {TOKEN}\n")

    assert loaded.token() == TOKEN
    assert loaded.sources["meta_access_token"].source == "environment"


def test_the_token_comes_from_a_private_dotenv(machine) -> None:
    machine.dotenv(f"META_ACCESS_TOKEN={TOKEN}\n", mode=0o600)

    assert machine.load().token() == TOKEN


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_the_token_comes_from_a_named_file_of_a_private_mode(machine, mode) -> None:
    path = secret_file(machine, mode=mode)

    by_variable = machine.load(META_ACCESS_TOKEN_FILE=str(path))
    by_toml = machine.load(toml=f'[meta]\nmeta_access_token_file = "{path}"\n')

    assert by_variable.token() == by_toml.token() == TOKEN
    source = by_variable.sources["meta_access_token"]
    assert (source.value, source.source, source.detail) == ("set", "credential", str(path))


def test_secrets_come_from_systemds_credentials_by_the_variables_name(machine) -> None:
    folder = machine.root / "credentials"
    machine.write(folder / "meta_access_token", TOKEN, mode=0o400)
    machine.write(folder / "meta_app_secret", "hunter2app\n", mode=0o400)
    machine.write(folder / "meta_auto_database_url", "postgresql://u:hunter2@db/x", mode=0o400)

    loaded = machine.load(CREDENTIALS_DIRECTORY=str(folder))

    assert loaded.token() == TOKEN
    assert loaded.app_secret() == "hunter2app"
    assert loaded.database_url == "postgresql+psycopg://u:hunter2@db/x"
    assert loaded.sources["meta_app_secret"].source == "credential"


def test_whatever_is_set_wins_over_systemds_credential(machine) -> None:
    folder = machine.root / "credentials"
    machine.write(folder / "meta_access_token", "EAAcredential", mode=0o400)
    path = secret_file(machine)

    by_variable = machine.load(CREDENTIALS_DIRECTORY=str(folder), META_ACCESS_TOKEN="EAAvariable")
    by_file = machine.load(CREDENTIALS_DIRECTORY=str(folder), META_ACCESS_TOKEN_FILE=str(path))

    assert by_variable.token() == "EAAvariable"
    assert by_file.token() == TOKEN


def test_a_stronger_sources_token_wins_over_a_weaker_ones_file(machine) -> None:
    path = secret_file(machine, "EAAfile")

    loaded = machine.load(
        toml=f'[meta]\nmeta_access_token_file = "{path}"\n', META_ACCESS_TOKEN="EAAvariable"
    )

    assert loaded.token() == "EAAvariable"


def test_a_stronger_sources_file_wins_over_a_weaker_ones_token(machine) -> None:
    machine.dotenv("META_ACCESS_TOKEN=EAAdotenv\n")
    path = secret_file(machine, "EAAfile")

    assert machine.load(META_ACCESS_TOKEN_FILE=str(path)).token() == "EAAfile"


def test_a_token_and_its_file_in_one_source_are_one_too_many(machine) -> None:
    error = machine.refusal(
        META_ACCESS_TOKEN=TOKEN, META_ACCESS_TOKEN_FILE=str(secret_file(machine))
    )

    assert "META_ACCESS_TOKEN_FILE (environment) and META_ACCESS_TOKEN are both set" in str(error)
    assert never_told(error)


def test_python_may_hand_over_the_secret_that_it_holds(machine) -> None:
    held = AutonomousSettings(
        META_ACCESS_TOKEN=TOKEN, META_ACCESS_TOKEN_FILE=str(secret_file(machine, "EAAfile"))
    )

    loaded = machine.load(
        cli={
            "meta_access_token": held.meta_access_token,
            "meta_access_token_file": held.meta_access_token_file,
        }
    )

    assert loaded.token() == TOKEN


def test_empty_variables_are_no_secrets(machine) -> None:
    path = secret_file(machine)

    assert machine.load(META_ACCESS_TOKEN="", META_APP_SECRET=" ").token() is None
    assert machine.load(META_ACCESS_TOKEN="", META_ACCESS_TOKEN_FILE=str(path)).token() == TOKEN
    assert machine.load(META_ACCESS_TOKEN_FILE="").token() is None


# --- which files are refused --------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_secret_that_others_may_touch_is_refused(machine, mode) -> None:
    error = machine.refusal(META_ACCESS_TOKEN_FILE=str(secret_file(machine, mode=mode)))

    assert f"can be read by others (mode {mode:04o})" in error.message
    assert "mode 0600" in error.message
    assert "chmod 600" in error.remedy
    assert never_told(error)


def test_a_secret_behind_a_symbolic_link_is_refused(machine) -> None:
    link = machine.root / "link"
    link.symlink_to(secret_file(machine))

    assert "is a symbolic link" in machine.refusal(META_ACCESS_TOKEN_FILE=str(link)).message


def test_a_folder_a_pipe_and_a_device_hold_no_secret(machine) -> None:
    pipe = machine.root / "pipe"
    os.mkfifo(pipe, 0o600)

    assert "is a folder" in machine.refusal(META_ACCESS_TOKEN_FILE=str(machine.root)).message
    for path in (str(pipe), "/dev/null"):
        error = machine.refusal(META_ACCESS_TOKEN_FILE=path)
        assert "is not a regular file" in error.message


def test_a_named_file_that_is_missing_is_an_error(machine) -> None:
    error = machine.refusal(META_ACCESS_TOKEN_FILE="/nonexistent/token")

    assert "META_ACCESS_TOKEN_FILE = /nonexistent/token (environment) does not exist" in str(error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("EAA\nhunter2\n", "a line break"),
        ("EAA hunter2", "has a space"),
        ("EAAhunter2" * 10_000, "is longer than"),
    ],
)
def test_a_file_that_holds_no_one_secret_is_refused(machine, text, says) -> None:
    error = machine.refusal(META_ACCESS_TOKEN_FILE=str(secret_file(machine, text)))

    assert says in error.message
    assert never_told(error)


def test_a_file_that_is_not_text_is_refused(machine) -> None:
    path = secret_file(machine)
    path.write_bytes(b"\xff\xfe")

    assert "is not UTF-8 text" in machine.refusal(META_ACCESS_TOKEN_FILE=str(path)).message


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
def test_a_secret_of_another_account_is_refused(machine) -> None:
    path = secret_file(machine)
    os.chown(path, 12345, 12345)

    error = machine.refusal(META_ACCESS_TOKEN_FILE=str(path))

    assert "belongs to uid 12345" in error.message
    assert "or of root" in error.message


@pytest.mark.parametrize(
    ("owner", "euid", "is_allowed"), [(1000, 1000, True), (0, 1000, True), (1001, 1000, False)]
)
def test_a_file_may_be_ones_own_or_roots(owner, euid, is_allowed) -> None:
    facts = Facts(mode=REGULAR | 0o600, owner=owner)

    assert (private_files.owned_by_us(facts, euid) is None) is is_allowed


@pytest.mark.parametrize(
    ("mode", "owner", "is_allowed"),
    [
        (0o400, 0, True),
        (0o440, 0, True),
        (0o440, 1000, False),
        (0o460, 0, False),
        (0o444, 0, False),
    ],
)
def test_of_systemds_credentials_the_groups_read_bit_is_an_access_lists_mask(
    mode, owner, is_allowed
) -> None:
    facts = Facts(mode=REGULAR | mode, owner=owner)

    assert (private_files.unreadable_but_for_systemd(facts, 1000) is None) is is_allowed
    assert private_files.unreadable_by_others(Facts(mode=REGULAR | 0o440, owner=0), 1000)


def test_a_bad_credential_of_systemd_is_refused(machine) -> None:
    folder = machine.root / "credentials"
    machine.write(folder / "meta_access_token", TOKEN, mode=0o444)

    error = machine.refusal(CREDENTIALS_DIRECTORY=str(folder))

    assert "can be read by others" in error.message
    assert never_told(error)


# --- files that hold more than a secret ---------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        f"META_ACCESS_TOKEN={TOKEN}",
        "META_APP_SECRET=hunter2",
        "META_AUTO_DATABASE_URL=postgresql://u:hunter2@db/x",
        "META_AUTO_DATABASE_URL=postgresql://db/x?password=hunter2",
        "META_AUTO_NOTIFY_URLS=mailto:a@example.com,smtp://u:hunter2@mail",
        "META_AUTO_NOTIFY_URLS=https://[hunter2",
    ],
)
def test_a_dotenv_with_a_secret_must_be_private(machine, line) -> None:
    machine.dotenv(line + "\n", mode=0o644)

    error = machine.refusal()

    assert "is a secret in a file that others can read (mode 0644)" in error.message
    assert never_told(error)


def test_a_dotenv_without_a_secret_may_be_read_by_others(machine) -> None:
    machine.dotenv(
        "MIN_AGE_HOURS=50\nMETA_ACCESS_TOKEN=\nMETA_AUTO_DATABASE_URL=postgresql:///x\n",
        mode=0o664,
    )

    assert machine.load().settings.min_age_hours == 50


def test_a_toml_file_with_a_password_must_be_private(machine) -> None:
    text = '[database]\nmeta_auto_database_url = "postgresql://u:hunter2@db/x"\n'

    error = machine.refusal(toml=text)
    machine.toml(text, mode=0o600)

    assert "mode 0600" in error.message
    assert never_told(error)
    private = machine.load(config=machine.root / "given.toml")
    assert "hunter2" in private.database_url


def test_a_file_that_anyone_may_write_decides_nothing(machine) -> None:
    path = machine.toml("[limits]\nmax_actions_per_tick = 5\n", mode=0o666)
    by_toml = machine.refusal(config=path)
    machine.dotenv("MAX_ACTIONS_PER_TICK=5\n", mode=0o602)
    by_dotenv = machine.refusal()

    for error in (by_toml, by_dotenv):
        assert "may be written by anyone" in error.message
        assert "chmod o-w" in error.remedy


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
def test_a_dotenv_that_somebody_else_put_there_is_refused(machine) -> None:
    os.chown(machine.dotenv("META_AUTO_ADMINS=mallory\n"), 12345, 12345)

    assert "belongs to uid 12345" in machine.refusal().message


def test_a_dotenv_behind_a_symbolic_link_is_refused(machine) -> None:
    target = machine.write(machine.root / "elsewhere", "META_AUTO_ADMINS=mallory\n")
    (machine.cwd / ".env").symlink_to(target)

    assert "is a symbolic link" in machine.refusal().message


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
def test_somebody_elses_file_in_ones_own_usual_place_is_refused_but_not_when_named(
    machine,
) -> None:
    path = machine.write(machine.home / ".config/meta-auto/config.toml", "[limits]\n", mode=0o644)
    os.chown(path, 12345, 12345)

    assert "belongs to uid 12345" in machine.refusal().message
    assert machine.load(config=path).config_file == path


# --- who may look, who may act ------------------------------------------------------------------


@pytest.fixture
def unreadable(machine, monkeypatch) -> Path:
    """A token that the person at the keyboard may not read. (Root may read everything.)"""
    path = secret_file(machine)
    opened = os.open

    def denied(name, *rest, **named):
        if Path(name) == path:
            raise PermissionError(13, "Permission denied")
        return opened(name, *rest, **named)

    monkeypatch.setattr(private_files.os, "open", denied)
    return path


def test_who_may_not_read_the_token_can_look_and_not_act(machine, unreadable) -> None:
    machine.dotenv(f"META_ACCESS_TOKEN={TOKEN}\n")  # a weaker one must not step in
    loaded = machine.load(
        META_ACCESS_TOKEN_FILE=str(unreadable),
        META_AUTO_PLATFORM="meta",
        META_AD_ACCOUNT_IDS="123",
    )

    assert "can't be read by you" in loaded.warnings[0]
    assert effective(loaded)["meta_access_token"] == "set"
    for act in (loaded.require_actionable, loaded.token):
        with pytest.raises(SettingsError, match="can't be read by you"):
            act()


def test_a_configuration_that_one_may_not_read_is_an_error(machine, monkeypatch) -> None:
    def denied(*_args):
        raise PermissionError(13, "Permission denied")

    path = machine.toml("")
    monkeypatch.setattr(private_files.os, "open", denied)

    with pytest.raises(Unreadable, match="can't be read by you"):
        read(path, private_files.GIVEN_CONFIG, key="configuration", follow=True)


def test_other_failures_to_open_are_told_in_the_systems_words(machine, monkeypatch) -> None:
    def broken(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(private_files.os, "open", broken)

    with pytest.raises(SettingsError, match="Input/output error"):
        read(machine.root / "x", private_files.SECRET, key="META_ACCESS_TOKEN")


def test_a_token_on_the_sandbox_can_be_looked_at_and_not_acted_with(machine) -> None:
    loaded = machine.load(META_ACCESS_TOKEN=TOKEN)

    with pytest.raises(SettingsError, match="META_AUTO_PLATFORM is sandbox") as caught:
        loaded.require_actionable()
    assert "Set META_AUTO_PLATFORM=meta, or remove the token." in caught.value.remedy
    assert never_told(caught.value)


def test_meta_needs_a_token_and_ad_accounts(machine) -> None:
    loaded = machine.load(META_AUTO_PLATFORM="meta")

    with pytest.raises(SettingsError, match="2 settings are wrong") as caught:
        loaded.require_actionable()
    assert "META_ACCESS_TOKEN is not set" in caught.value.message
    assert "META_AD_ACCOUNT_IDS is not set" in caught.value.message


def test_the_sandbox_without_a_token_and_meta_with_everything_can_act(machine) -> None:
    machine.load().require_actionable()
    machine.load(META_AD_ACCOUNT_IDS="123", META_APP_SECRET="x").require_actionable()
    machine.load(
        META_AUTO_PLATFORM="meta", META_ACCESS_TOKEN=TOKEN, META_AD_ACCOUNT_IDS="act_123"
    ).require_actionable()
