"""What `fake` makes its values of: the lists of words.toml."""

import tomllib
from pathlib import Path

WORDS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
FIRST, LAST, PLAIN = WORDS["first_names"], WORDS["last_names"], WORDS["plain"]
STREETS, CITIES = WORDS["streets"], WORDS["cities"]
COMPANIES, LEGAL_FORMS = WORDS["companies"], WORDS["legal_forms"]
NUMBERS = [str(number) for number in range(1, 120)]

# The parts of each kind: lists to pick from, and texts between.
PARTS: dict[str, tuple[list[str] | str, ...]] = {
    "first_name": (FIRST,),
    "last_name": (LAST,),
    "name": (FIRST, " ", LAST),
    "company": (COMPANIES, " ", LEGAL_FORMS),
    "street": (STREETS, " ", NUMBERS),
    "city": (CITIES,),
    "address": (STREETS, " ", NUMBERS, ", ", CITIES),
    "words": (PLAIN, " ", PLAIN, " ", PLAIN, " ", PLAIN, " ", PLAIN),
}


def vocabulary(kind: str) -> list[str]:
    """Every word that a value of the kind can be made of."""
    texts = (text for part in PARTS[kind] for text in ([part] if isinstance(part, str) else part))
    return sorted({word for text in texts for word in text.replace(",", " ").split()})
