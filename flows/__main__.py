"""Run one flow in this process: `python -m flows NAME`, its parameters as JSON on standard input.

This is how `fairlead release` runs it where no Prefect API is configured.
"""

import json
import sys
from typing import Any

from prefect import Flow

from flows.release import release
from flows.rollback import rollback

FLOWS: dict[str, Flow[..., Any]] = {"release": release, "rollback": rollback}

if __name__ == "__main__":
    state: Any = FLOWS[sys.argv[1]](**json.load(sys.stdin), return_state=True)
    sys.exit(0 if state.is_completed() else 1)
