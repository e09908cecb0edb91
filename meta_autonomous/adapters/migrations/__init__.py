"""Migrations, one file a revision; `adapters.database.schema` runs them and lists their order.

A new one: change `tables.py`, add `versions/NNNN_what.py` and its number to `schema.REVISIONS`.
A test compares a migrated database with a new one.
"""
