"""One flow run, in a session of its own: Ctrl-C in the worker's terminal does not reach it.

`python -m flows.engine` is what the worker starts; it is `python -m prefect.engine` otherwise.
"""

import os
import runpy

if __name__ == "__main__":
    os.setsid()
    runpy.run_module("prefect.engine", run_name="__main__")
