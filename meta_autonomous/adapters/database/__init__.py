"""Persistence: one database, SQLite by default or PostgreSQL, behind `ports.Store`.

`engine` opens it and names what goes wrong, `tables` says what is in it, `schema` creates and
checks it; `ledger`, `actions`, `attempts`, `memory`, … are the themes, functions of one open
transaction (`unit.Unit`); `store.Database` puts a transaction around each.
"""

from meta_autonomous.adapters.database.store import Database

__all__ = ["Database"]
