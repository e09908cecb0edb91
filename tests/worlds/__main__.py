"""Play random worlds and tell what was seen.

    python -m tests.worlds 10000 [--seed N] [--workers 2]

World N of a run has the seed `seed + N`; `--show` tells the story of one. Exits 1 when a promise
was broken, naming the seed that plays the same world again.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random

from tests.worlds.drawing import draw_world
from tests.worlds.invariants import EVERY_INVARIANT
from tests.worlds.play import play
from tests.worlds.story import Story

_AT_ONCE = 10


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.worlds", description=__doc__)
    parser.add_argument("count", type=int, help="how many worlds")
    parser.add_argument("--seed", type=int, default=0, help="of the first world")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--show", action="store_true", help="tell each world's story")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    whole, failed, done = Story(), [], 0
    for seed, story in _stories(range(chosen.seed, chosen.seed + chosen.count), chosen.workers):
        done += 1
        whole.add(story)
        if story.violations:
            failed.append(seed)
            print(f"seed {seed} breaks a promise:", *story.violations, sep="\n  ", flush=True)
        if chosen.show:
            print(f"seed {seed}:", *story.log, sep="\n  ", flush=True)
        if done % 100 == 0:
            elapsed = time.monotonic() - began
            print(f"{done} worlds in {elapsed:.0f} s, {len(failed)} failed", flush=True)
    print(*_told(whole, done, failed), sep="\n", flush=True)
    return 1 if failed else 0


def _stories(seeds: range, workers: int) -> Iterator[tuple[int, Story]]:
    if workers <= 1:
        yield from ((seed, play(draw_world(Random(seed)))) for seed in seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        batches = [seeds[first : first + _AT_ONCE] for first in range(0, len(seeds), _AT_ONCE)]
        for stories in pool.map(_batch, batches):
            yield from stories


def _batch(seeds: Sequence[int]) -> list[tuple[int, Story]]:
    return [(seed, play(draw_world(Random(seed)))) for seed in seeds]


def _told(whole: Story, count: int, failed: Sequence[int]) -> Iterator[str]:
    writes = whole.writes
    yield f"\n{count} worlds, {writes.total()} writes, {len(failed)} worlds with a broken promise"
    if failed:
        yield f"seeds: {', '.join(map(str, failed))}"
    yield "\n  writes"
    yield from (f"{number:8}  {kind}" for kind, number in sorted(writes.items()))
    yield "\n  judged  within 5 % of the limit"
    for name in EVERY_INVARIANT:
        yield f"{whole.judged[name]:8}{whole.near[name]:8}  {name.replace('_', ' ')}"


if __name__ == "__main__":
    sys.exit(main())
