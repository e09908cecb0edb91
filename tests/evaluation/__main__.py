"""The evaluation's tables. See the package."""

import argparse
import sys
import time

import numpy as np

from tests.evaluation.forecasters import NAIVE
from tests.evaluation.runs import OURS, PLAIN, STRESS, Judged, peeked_pool, pooled, together
from tests.evaluation.scores import THRESHOLDS, scores

_HEADINGS = (
    f"{'':32} {'entities':>8}  "
    + "  ".join(f"<{threshold}" for threshold in THRESHOLDS)
    + "   Brier    log  false claimed missed"
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.evaluation")
    parser.add_argument("--share", type=float, default=1.0, help="of the accounts (default: all)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="settings whose name contains one of these")
    parser.add_argument("--no-peeking", action="store_true")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()

    def wanted(name: str) -> bool:
        return not chosen.only or any(word in name for word in chosen.only)

    say("Calibration error (ECE, ten bins) of P(true ROAS < threshold); Brier and log score at")
    say(
        "0.9; hard stops (P >= 0.70): share that is false, share that they claim, bad ones missed."
    )
    say(f"\n{_HEADINGS}")
    for name, (settings, count) in PLAIN.items():
        if not wanted(name):
            continue
        seeds = range(1000, 1000 + max(round(count * chosen.share), 2))
        accounts = pooled(settings, seeds, with_naive=True, workers=chosen.workers)
        say(f"{name} (+/-: one standard error, accounts resampled)")
        for forecaster in (OURS, *NAIVE):
            say(_row(f"  {forecaster}", accounts, forecaster))
        say(_errors("  +/- of this engine", accounts))
    say(f"\nUnder stress, booked by conversion day\n{_HEADINGS}")
    for name, (settings, count) in STRESS.items():
        if not wanted(name):
            continue
        seeds = range(5000, 5000 + max(round(count * chosen.share), 2))
        accounts = pooled(settings, seeds, with_naive=False, workers=chosen.workers)
        say(_row(f"  {name}", accounts, OURS))
    if not chosen.no_peeking:
        say("\nLooked at every half hour for seven days, stopped at the first P >= 0.70")
        say(f"{'':32} {'entities':>8} stopped  false claimed  bad found")
        for name, (settings, _) in PLAIN.items():
            if wanted(name):
                seeds = range(9000, 9000 + max(round(40 * chosen.share), 2))
                say(_peeking_row(f"  {name}", settings, seeds, chosen.workers))
    say(f"\n{time.monotonic() - began:.0f} seconds with {chosen.workers} workers")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _row(title: str, accounts: list[Judged], forecaster: str) -> str:
    found = scores(*together(accounts, forecaster))
    errors = " ".join(f"{error:.3f}" for error in found.errors)
    return (
        f"{title:32} {found.count:>8,} {errors}   {found.brier:.3f}  {found.log:.3f}  "
        f"{found.false_stops:.3f}   {found.claimed:.3f}  {found.missed:.3f}"
    )


def _errors(title: str, accounts: list[Judged], rounds: int = 100) -> str:
    rng = np.random.default_rng(1)
    drawn = [
        scores(
            *together([accounts[i] for i in rng.integers(len(accounts), size=len(accounts))], OURS)
        )
        for _ in range(rounds)
    ]
    errors = " ".join(f"{np.std([d.errors[i] for d in drawn]):.3f}" for i in range(4))
    rest = [
        np.std([getattr(d, name) for d in drawn])
        for name in ("brier", "log", "false_stops", "claimed", "missed")
    ]
    brier, log, false, claimed, missed = rest
    return (
        f"{title:32} {'':>8} {errors}   {brier:.3f}  {log:.3f}  {false:.3f}   {claimed:.3f}  "
        f"{missed:.3f}"
    )


def _peeking_row(title: str, settings, seeds: range, workers: int) -> str:
    found = peeked_pool(settings, seeds, workers=workers)
    stops = [stop for account, _, _ in found for stop in account]
    bad, caught = sum(b for _, b, _ in found), sum(c for _, _, c in found)
    false = np.mean([roas >= 0.9 for _, roas in stops])
    claimed = np.mean([1 - probability for probability, _ in stops])
    return (
        f"{title:32} {len(seeds) * settings.size:>8,} {len(stops):>7,}  {false:.3f}   "
        f"{claimed:.3f}      {caught / max(bad, 1):.3f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
