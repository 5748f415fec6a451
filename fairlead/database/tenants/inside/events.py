"""What is told to Fairlead: JSON lines with a prefix of their own. All other output is log."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

PREFIX = "@fairlead "


def tell(event: str, **fields: Any) -> None:
    """One line in one write, so that what a migration prints in another process stays apart."""
    sys.stdout.flush()
    line = PREFIX + json.dumps({"event": event, **fields}) + "\n"
    os.write(1, line.encode())
