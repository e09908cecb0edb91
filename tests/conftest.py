"""Properties draw the same examples on every machine: what CI finds, everybody finds. New ones are
sought by the commands that play thousands (`python -m tests.worlds`, `python -m tests.simulation`).
"""

from hypothesis import settings

settings.register_profile("same everywhere", derandomize=True)
settings.load_profile("same everywhere")
