"""What a command costs before it has done anything: CPU above `python -c pass`, in turns with it."""

from collections.abc import Iterator

from tests.benchmarks.figures import Effort, Figure, Goal, at_most
from tests.benchmarks.measuring import META_AUTO, PASS, median, paired, rounds, run
from tests.benchmarks.site import serving, site

#: Milliseconds of CPU above `python -c pass`.
GOALS: dict[str, Goal | None] = {
    "--version": at_most(10),
    "--help": at_most(90),
    "completion": at_most(200),
    "policies show": at_most(200),
    "status": None,
    "tick (stopped)": at_most(550),
}


def startup(effort: Effort) -> Iterator[Figure]:
    with serving(1, ads=1) as server, site(server) as here:
        here.run("tick", "-q")
        here.run("stop")

        def bare(*words: str, **more: str):
            return lambda: run([*META_AUTO, *words], env=here.env() | more, cwd=here.folder)

        ran = rounds(
            {
                "pass": lambda: run(PASS, env=here.env(), cwd=here.folder),
                "--version": bare("--version"),
                "--help": bare("--help"),
                "completion": bare(
                    _META_AUTO_COMPLETE="complete_bash", COMP_WORDS="meta-auto ti", COMP_CWORD="1"
                ),
                "policies show": bare("policies", "show"),
                "status": bare("status"),
                "tick (stopped)": bare("tick", "-q"),
            },
            effort.of(15, 1),
        )
    nothing = [one.cpu for one in ran["pass"]]
    for name, goal in GOALS.items():
        cpu = [one.cpu for one in ran[name]]
        yield Figure(
            f"start-up: {name}",
            1000 * (median(cpu) - median(nothing)),
            "ms",
            ratio=paired(cpu, nothing),
            against="python -c pass",
            goal=goal,
        )
    yield Figure(
        "start-up: memory of policies show",
        median([one.peak for one in ran["policies show"]]),
        "MB",
    )
