"""How good the ROAS engine's probabilities are, on simulated accounts whose truth is known.

    python -m tests.evaluation [--share 1.0] [--workers 2] [--only NAME …] [--no-peeking]

prints the tables: calibration on the plain settings and under stress beside what is usually done
instead, and what becomes of hard stops when they are looked for every half hour. The whole takes
some ten minutes on two cores; `--share 0.1` takes a tenth of the accounts, with noise to match.
"""
