"""Who runs a command, and as what."""

import grp
import os
import pwd

import pytest

from meta_autonomous.config import AutonomousSettings, actors, current_actor
from meta_autonomous.config.actors import Account, resolve
from meta_autonomous.ports.people import Actor

ALICE, BOB, ROBOT, MALLORY = 1001, 1002, 900, 1666
ACCOUNTS = {
    ALICE: Account(uid=ALICE, name="alice", groups={"alice", "meta-admins"}),
    BOB: Account(uid=BOB, name="bob", groups={"bob", "meta-approvers"}),
    ROBOT: Account(uid=ROBOT, name="meta-auto", groups={"meta-auto", "meta-admins"}),
    MALLORY: Account(uid=MALLORY, name="mallory"),
}


def who(
    real_uid: int,
    *,
    effective_uid: int | None = None,
    sudo_uid: str | None = None,
    owner: int = 0,
    **settings: str,
) -> Actor:
    return resolve(
        AutonomousSettings.of(settings),
        real_uid=real_uid,
        effective_uid=real_uid if effective_uid is None else effective_uid,
        sudo_uid=sudo_uid,
        state_owner_uid=owner,
        account_of=lambda uid: ACCOUNTS.get(uid) or Account(uid=uid, name=str(uid)),
    )


LISTED = {"meta_auto_admins": "alice", "meta_auto_managers": "bob"}
DEPLOYED = {**LISTED, "meta_auto_service_user": "meta-auto"}


def test_an_admin_is_a_manager_too() -> None:
    assert who(ALICE, **LISTED) == Actor(name="alice", is_admin=True, is_manager=True)


def test_a_manager_is_no_admin() -> None:
    assert who(BOB, **LISTED) == Actor(name="bob", is_manager=True)


def test_whoever_is_not_listed_is_nothing_even_as_owner_of_the_state_folder() -> None:
    assert who(MALLORY, owner=MALLORY, **LISTED) == Actor(name="mallory")


@pytest.mark.parametrize("name", ["meta_auto_admins", "meta_auto_managers"])
def test_groups_are_listed_with_a_percent_sign(name) -> None:
    actor = who(ALICE, **{name: "zoe,%meta-admins"})

    assert actor.is_manager
    assert actor.is_admin is (name == "meta_auto_admins")
    assert not who(MALLORY, **{name: "%meta-admins"}).is_manager
    assert not who(ALICE, **{name: "meta-admins"}).is_manager


def test_with_nobody_listed_the_owner_of_the_state_folder_is_the_admin() -> None:
    assert who(ALICE, owner=ALICE).is_admin
    assert who(BOB, owner=ALICE) == Actor(name="bob")


def test_with_managers_only_nobody_is_an_admin() -> None:
    assert who(ALICE, owner=ALICE, meta_auto_managers="bob") == Actor(name="alice")


def test_the_service_account_is_the_service_and_may_approve_nothing() -> None:
    service = Actor(name="meta-auto", is_service=True)

    assert who(ROBOT, **DEPLOYED) == service
    assert who(ROBOT, owner=ROBOT, meta_auto_service_user="meta-auto") == service
    by_group = {"meta_auto_service_user": "meta-auto", "meta_auto_admins": "%meta-admins"}
    assert who(ROBOT, **by_group) == service


def test_under_the_service_account_the_sudo_caller_is_meant() -> None:
    assert who(ROBOT, sudo_uid=str(BOB), **DEPLOYED) == Actor(name="bob", is_manager=True)
    assert who(ROBOT, sudo_uid=str(MALLORY), **DEPLOYED) == Actor(name="mallory")


def test_a_caller_without_an_account_is_called_by_number() -> None:
    assert who(ROBOT, sudo_uid="4242", **DEPLOYED) == Actor(name="4242")


@pytest.mark.parametrize("sudo_uid", ["", "alice", "-1", "1001 ", "²", "0x3e9", str(ROBOT)])
def test_what_sudo_would_not_have_set_leaves_the_service_the_service(sudo_uid) -> None:
    assert who(ROBOT, sudo_uid=sudo_uid, **DEPLOYED).is_service


def test_a_second_number_of_the_service_account_is_the_service_too() -> None:
    actor = resolve(
        AutonomousSettings.of(DEPLOYED),
        real_uid=ROBOT,
        effective_uid=ROBOT,
        sudo_uid="901",
        state_owner_uid=901,
        account_of=lambda uid: Account(uid=uid, name="meta-auto"),
    )

    assert actor == Actor(name="meta-auto", is_service=True)


def test_the_variable_of_sudo_is_not_believed_of_anyone_else() -> None:
    assert who(MALLORY, sudo_uid=str(ALICE), **DEPLOYED) == Actor(name="mallory")
    assert who(MALLORY, sudo_uid=str(ALICE), **LISTED) == Actor(name="mallory")


def test_the_variable_of_sudo_is_not_believed_where_real_and_effective_account_differ() -> None:
    actor = who(ROBOT, effective_uid=MALLORY, sudo_uid=str(ALICE), **DEPLOYED)

    assert actor == Actor(name="meta-auto", is_service=True)


def test_without_a_service_account_the_timer_is_a_person_like_any_other() -> None:
    assert who(ALICE, sudo_uid=str(BOB), owner=ALICE).is_admin


# --- the system's word --------------------------------------------------------------------------


def test_the_name_is_the_accounts_and_not_any_variables(tmp_path) -> None:
    env = {"USER": "mallory", "LOGNAME": "mallory", "SUDO_USER": "mallory", "SUDO_UID": "4242"}

    actor = current_actor(AutonomousSettings.of({}), env, tmp_path)

    assert actor.name == pwd.getpwuid(os.getuid()).pw_name


def test_the_owner_of_the_state_folder_is_asked_of_the_file_system(tmp_path) -> None:
    settings = AutonomousSettings.of({})

    assert current_actor(settings, {}, tmp_path).is_admin
    assert current_actor(settings, {}, tmp_path / "not-yet").is_admin
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 12345)
        assert not current_actor(settings, {}, tmp_path).is_admin


def test_the_primary_group_counts_as_membership(tmp_path) -> None:
    group = grp.getgrgid(pwd.getpwuid(os.getuid()).pw_gid).gr_name

    actor = current_actor(AutonomousSettings.of({"meta_auto_managers": f"%{group}"}), {}, tmp_path)

    assert actor.is_manager
    assert not actor.is_admin


def test_groups_and_accounts_without_names_are_called_by_number(monkeypatch) -> None:
    def nobody(_number: int) -> None:
        raise KeyError

    monkeypatch.setattr(actors.grp, "getgrgid", nobody)
    entry = pwd.getpwuid(os.getuid())
    assert str(entry.pw_gid) in actors._account(os.getuid(), with_groups=True).groups
    monkeypatch.setattr(actors.pwd, "getpwuid", nobody)
    assert actors._account(4242, with_groups=True) == Account(uid=4242, name="4242")
