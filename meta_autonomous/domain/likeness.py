"""Which known name a mistaken one was meant to be."""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, likeness: int = 60) -> str:
    """``did you mean X?``, or nothing when no known name is so like it; 100 is the same."""
    from difflib import get_close_matches  # only a mistake has to wait for it

    names = list(known)
    parts = [
        each
        for each in names
        if each.endswith((f"_{name}", f".{name}")) or each.startswith(f"{name}:")
    ]
    found = parts or get_close_matches(name, names, n=1, cutoff=likeness / 100)
    return f"did you mean {found[0]}?" if found else ""
