"""The schema and its versions: made at once on an empty database, migrated on an older one.

Alembic is imported only to migrate. A new database gets today's tables and the mark of the last
revision; a test holds the two ways to the same result.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, inspect, select

from meta_autonomous.adapters import migrations
from meta_autonomous.adapters.database.tables import (
    append_only_statements,
    metadata,
    use_postgresql,
)
from meta_autonomous.ports.errors import ConfigError

REVISIONS: Final = migrations.REVISIONS
HEAD: Final = REVISIONS[-1]
MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"

_VERSION_TABLE: Final = "alembic_version"


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None when it has no tables of ours."""
    names = set(inspect(connection).get_table_names())
    if _VERSION_TABLE not in names:
        ours = names & set(metadata.tables)
        if ours:
            raise ConfigError(
                f"the database holds tables of ours without a version: {', '.join(sorted(ours))}",
                remedy="point META_AUTO_DATABASE_URL at a database of its own",
            )
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSION_TABLE}").scalar()  # noqa: S608
    return str(found) if found is not None else None


def lock(connection: Connection) -> None:
    """One process at a time makes or migrates the tables (SQLite's writers are alone anyway)."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("meta-auto schema"))))


def create(connection: Connection) -> None:
    """Today's tables on an empty database. Part of the caller's transaction."""
    if connection.dialect.name == "postgresql":
        use_postgresql()
    metadata.create_all(connection)
    for statement in append_only_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    # As Alembic itself would make it.
    connection.exec_driver_sql(
        f"CREATE TABLE {_VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {_VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO {_VERSION_TABLE} VALUES ('{HEAD}')")  # noqa: S608


def check(found: str) -> None:
    """Raise ConfigError unless the revision is today's."""
    if found == HEAD:
        return
    if found in REVISIONS:
        raise ConfigError(
            f"the database is of an older version ({found}; this program needs {HEAD})",
            remedy="run `meta-auto db upgrade`",
        )
    raise ConfigError(
        f"the database is of a newer version ({found}; this program knows {HEAD})",
        remedy="upgrade meta-auto, or restore a backup of that time",
    )


def migrate(connection: Connection) -> None:
    """Run the missing migrations in the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
