"""How fast, how lean, against what: measured on the real program.

    python -m tests.benchmarks [NAME ...] [--quick] [--write-baseline]

`suite.py` names the benchmarks. Each has a module of its own that yields figures; commands run as
processes of their own against the local Graph API of `graph.py`.
"""
