"""How fast it is, against what one would write by hand; `python -m tests.benchmarks`.

One module per group, each with its `BENCHMARKS`; `registry` lists the groups. A benchmark runs
both sides in turn in one process on one machine, so that its ratio holds where seconds wander.
"""
