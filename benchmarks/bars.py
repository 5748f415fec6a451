"""Groups of horizontal bars on a logarithmic scale, as SVG."""

import math
from collections.abc import Mapping

from fairlead.report.svg import drawing, rectangle, text

WIDTH, LEFT, BAR, GAP = 760, 260, 16, 14  # pixels
COLOURS = ("#8c8c8c", "#b9a36b", "#1f6feb", "#4aa564")


def bars(groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """`groups` by name, in each the values above 0 by name."""
    values = [value for group in groups.values() for value in group.values()]
    low, high = math.log10(min(values) / 2), math.log10(max(values))
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    parts, y = [], 24
    for title, group in groups.items():
        parts.append(text(8, y + BAR - 4, title, "bold"))
        for name, value in group.items():
            long = (WIDTH - LEFT - 90) * (math.log10(value) - low) / (high - low)
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(text(150, y + BAR - 4, name))
            parts.append(rectangle(LEFT, y, long, BAR - 2, colour))
            parts.append(text(LEFT + long + 6, y + BAR - 4, f"{value:.2f}"))
            y += BAR
        y += GAP
    return drawing(WIDTH, y, [text(LEFT, 14, unit), *parts])
