"""Properties draw the same examples on every machine: what CI finds, everybody finds. New ones are
sought by the commands that play thousands (`python -m tests.worlds`, `python -m tests.simulation`).

A shell that starts the tests in the background has them ignore Ctrl-C, and so would every process
that a test starts and interrupts: they get it back.
"""

import signal

from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("same everywhere", derandomize=True)
settings.load_profile("same everywhere")
