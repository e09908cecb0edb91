"""Writes what `explain` says in each situation anew; read it before you commit it."""

from tests.golden.situations import SITUATIONS
from tests.golden.told import FOLDER, as_told

if __name__ == "__main__":
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name in SITUATIONS:
        (FOLDER / f"{name}.txt").write_text(as_told(name))
