"""What Fairlead costs beside doing the same without it, all in one run: `make bench`.

    .venv/bin/python -m benchmarks

The start of the command, a whole release and a rollback, a wish of GitHub's to its first step, and
a history of a million releases; each part writes its table to benchmarks/results. Takes about
twenty minutes on a machine that does nothing else.
"""

from benchmarks import history, latency, release, startup

if __name__ == "__main__":
    for part in (startup, release, latency, history):
        part.main()
