"""What `explain` says in many situations, kept as files: `python -m tests.golden` writes them."""
