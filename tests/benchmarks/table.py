"""The figures as a table, and the baseline that they are held against."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.figures import Figure, multiple, shown

BASELINE: Final = Path(__file__).with_name("baseline.json")
TITLES: Final = ("figure", "this machine", "ratio", "baseline's", "goal", "")


def read() -> Mapping[str, Any]:
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {"figures": {}}


def write(figures: Iterable[Figure]) -> None:
    """Those measured now; what was not keeps its place. Ratios come first: they travel."""
    kept = dict(read()["figures"]) | {figure.name: entry(figure) for figure in figures}
    text = json.dumps({"machine": machine(), "figures": kept}, indent=1, ensure_ascii=False)
    BASELINE.write_text(text + "\n")


def entry(figure: Figure) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ratio": _digits(figure.ratio),
        "against": figure.against,
        "value": _digits(figure.value),
        "unit": figure.unit,
    }
    if figure.other is not None:
        told["other"] = _digits(figure.other)
    if figure.goal is not None:
        told |= {"goal": figure.goal.text(figure.unit), "met": figure.goal.is_met(figure)}
    if figure.note:
        told["note"] = figure.note
    return told


def machine() -> dict[str, Any]:
    return {
        "measured_on": date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def row(figure: Figure, baseline: Mapping[str, Any]) -> tuple[str, ...]:
    known = baseline["figures"].get(figure.name, {})
    goal = figure.goal.text(figure.unit) if figure.goal is not None else ""
    met = "" if figure.goal is None else "met" if figure.goal.is_met(figure) else "NOT MET"
    return (
        figure.name,
        "–" if figure.value is None else f"{shown(figure.value)} {figure.unit}".strip(),
        "" if figure.ratio is None else multiple(figure.ratio, figure.against, figure.other),
        "" if known.get("ratio") is None else multiple(known["ratio"]),
        goal,
        " ".join(filter(None, (met, figure.note))),
    )


def lines(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    table = [TITLES, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(TITLES))]
    for cells in table:
        yield "  ".join(
            cell.ljust(width) if i in (0, 5) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()


def _digits(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
