"""The rooms that `doctor` goes through, one after the other, whatever the last one was like."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from meta_autonomous.domain.exit_code import ExitCode
from meta_autonomous.domain.news import News
from meta_autonomous.operations import examine_platform, examine_records
from meta_autonomous.operations.doctor import (
    Check,
    Diagnosis,
    examine_disk,
    examine_files,
    examine_margin,
    examine_timer,
    not_examined,
)
from meta_autonomous.ports.errors import ConfigError, MetaAutoError

if TYPE_CHECKING:
    from meta_autonomous.adapters.database import Database
    from meta_autonomous.config import LoadedSettings


async def examine(
    loaded: "LoadedSettings | None", config: Path | None, *, notify_test: bool
) -> Diagnosis:
    """`loaded` is None when the configuration could not be read at all."""
    from meta_autonomous.config import every_problem

    problems = every_problem(config, os.environ, Path.cwd())
    checks = [_configuration(loaded, problems)]
    if loaded is None:
        everything = (
            *("files", "disk", "database"),
            *examine_records.NAMES,
            *examine_platform.NAMES,
            *("timer", "margin", "notifications"),
        )
        checks += not_examined(everything, "the configuration is wrong")
        return Diagnosis(platform=None, checks=tuple(checks))
    checks += _local(loaded)
    checks += _records(loaded)
    if problems:
        checks += not_examined(examine_platform.NAMES, "the configuration is wrong")
    else:
        checks += await platform_checks(loaded)
    checks.append(await notification_check(loaded, sends=notify_test))
    return Diagnosis(platform=loaded.system().platform, checks=tuple(checks))


def _configuration(loaded: "LoadedSettings | None", problems: tuple[object, ...]) -> Check:
    from meta_autonomous.config import SettingsError

    name = "config"
    if problems:
        error = SettingsError(problems)  # type: ignore[arg-type]
        told = tuple(map(str, problems))
        count = f"{len(problems)} settings are wrong" if len(problems) > 1 else told[0]
        return Check.fail(name, count, error.remedy, code=ExitCode.CONFIGURATION, details=told)
    if loaded is None:
        return Check.unknown(name, "the configuration could not be read")
    where = loaded.config_file or "no file: environment, .env and defaults"
    if loaded.warnings:
        return Check.warn(
            name,
            f"valid, from {where}, with remarks",
            "See `meta-auto policies show` for where each value is from.",
            details=loaded.warnings,
        )
    return Check.ok(name, f"valid, from {where}")


def _local(loaded: "LoadedSettings") -> Iterator[Check]:
    from meta_autonomous.adapters import machine
    from meta_autonomous.adapters.database import Database

    folder = loaded.state_dir
    try:
        database = Database(loaded.database_url, platform=loaded.system().platform).path
    except ConfigError:
        database = None  # told by its own check
    yield examine_files(
        machine.file_facts(folder), None if database is None else machine.file_facts(database)
    )
    yield examine_disk(machine.disk_space(folder))
    interval = timedelta(seconds=loaded.system().interval_seconds)
    yield examine_timer(machine.tick_timers(), interval)
    yield examine_margin(loaded.limits())


def _records(loaded: "LoadedSettings") -> Iterator[Check]:
    from meta_autonomous.adapters.database import Database

    try:
        database = Database(loaded.database_url, platform=loaded.system().platform, read_only=True)
    except MetaAutoError as error:
        yield Check.of_error("database", error)
        yield from not_examined(examine_records.NAMES, "the database can't be opened")
        return
    try:
        yield from _of_database(database, loaded)
    finally:
        database.close()


def _of_database(database: "Database", loaded: "LoadedSettings") -> Iterator[Check]:
    from meta_autonomous.cli.session import reading_time

    try:
        exists = database.exists()
        if exists:
            database.check()
    except MetaAutoError as error:
        yield Check.of_error("database", error)
        yield from not_examined(examine_records.NAMES, "the database can't be used")
        return
    if not exists:
        yield Check.warn(
            "database",
            f"there is none yet: {database.location}",
            "The first `meta-auto tick` makes it; so does `meta-auto init`.",
        )
        yield from not_examined(examine_records.NAMES, "there is no database yet")
        return
    yield Check.ok("database", f"{database.location}, schema {database.revision()}")
    yield from examine_records.examine_records(
        database, loaded.system(), loaded.book(), now=reading_time(loaded)
    )


async def platform_checks(loaded: "LoadedSettings") -> tuple[Check, ...]:
    """Token, accounts, currencies and the like, of the platform itself."""
    from meta_autonomous.bootstrap import open_platform

    try:
        async with open_platform(loaded, dry_run=True) as (platform, system, clock):
            return await examine_platform.examine_platform(
                platform,
                system.account_ids,
                loaded.rates(),
                version=loaded.graph_version,
                now=clock(),
            )
    except MetaAutoError as error:
        rest = not_examined(examine_platform.NAMES[1:], "the platform can't be asked")
        return (Check.of_error(examine_platform.NAMES[0], error), *rest)


async def notification_check(loaded: "LoadedSettings", *, sends: bool) -> Check:
    from meta_autonomous.bootstrap import notifier_for

    name = "notifications"
    try:
        notifier = notifier_for(loaded)
    except ConfigError as error:
        return Check.of_error(name, error)
    count = len(loaded.notify_urls)
    if not count:
        return Check.warn(
            name,
            "nobody is told of suggestions and alerts",
            "Set META_AUTO_NOTIFY_URLS, such as mailto://user:password@example.com.",
        )
    if not sends:
        return Check.ok(
            name, f"{count} targets are configured; `doctor --notify-test` sends them a message"
        )
    test = News(
        platform=loaded.system().platform, about="test message of `meta-auto doctor --notify-test`"
    )
    if await notifier.send(test):
        return Check.ok(name, f"{count} targets took the test message")
    return Check.fail(
        name,
        "not every target took the test message",
        "See the log above; check the URLs, and that this machine may reach them.",
        code=ExitCode.PARTLY,
    )
