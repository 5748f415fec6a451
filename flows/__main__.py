"""Run one flow in this process: `python -m flows NAME`, its parameters as JSON on standard input.

This is how `fairlead release` runs it where no Prefect API is configured, or --in-process says so.
"""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # it takes a fifth of the time that the imports take, and finds nothing
    from flows.running import main

    sys.exit(main(sys.argv[1]))
