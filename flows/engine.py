"""One flow run, in a session of its own: Ctrl-C in the worker's terminal does not reach it.

`python -m flows.engine` is what the worker starts. A fork of the warm process (flows/warm.py) does
the work; where there is none it is `python -m prefect.engine` itself.
"""

import os
import runpy
import sys

from flows.warm import SOCKET, run_in_fork

if __name__ == "__main__":
    os.setsid()
    code = run_in_fork(os.environ[SOCKET]) if SOCKET in os.environ else None
    if code is not None:
        sys.exit(code)
    runpy.run_module("prefect.engine", run_name="__main__")
