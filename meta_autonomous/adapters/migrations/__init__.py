"""Migrations, one file a revision, and their order; `adapters.database.schema` runs them.

A new one: change `tables.py`, add `versions/NNNN_what.py` and its number to `REVISIONS`.
A test compares a migrated database with a new one.
"""

from typing import Final

#: Every revision in `versions`, oldest first.
REVISIONS: Final = ("0001", "0003", "0004")
