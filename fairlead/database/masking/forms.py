"""What the hash of a value looks like. https://www.rfc-editor.org/rfc/rfc2606 (example.invalid)"""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import Column

MAIL_DOMAIN = "@example.invalid"


@dataclass(frozen=True, slots=True)
class Form:
    """`function` takes a text and a meaning; `bits` are those of what it gives, `shortest` the
    characters that it needs, `longest` those it may take."""

    function: str
    bits: int
    shortest: int
    longest: int


# +999 is no country's, a Bankleitzahl begins with no 0, 400000 is a range for tests, and
# 240.0.0.0/4 and 2001:db8::/32 are nobody's.
FORMS: Mapping[str, Form] = {
    "email": Form("hash_email", 32, 24, 36),
    "phone": Form("hash_phone", 39, 16, 16),
    "iban": Form("hash_iban", 56, 22, 22),
    "card": Form("hash_card", 29, 16, 16),
    "uuid": Form("hash_uuid", 122, 36, 36),
    "ip": Form("hash_ip", 28, 15, 39),
    "url": Form("hash_url", 120, 46, 46),
    "password": Form("hash_password", 200, 41, 41),
}
TEXT = Form("hash_text", 80, 1, 4096)
BITS_OF_A_CHARACTER = 5  # where both kinds of letters are one
OF_A_KIND = {"uuid": FORMS["uuid"], "address": FORMS["ip"]}


def form_of(column: Column, rule: MaskingRule) -> Form:
    """Types that are one thing only have one form whatever the meaning is."""
    return OF_A_KIND.get(column.kind.family) or FORMS.get(str(rule.argument), TEXT)


def room(column: Column, form: Form) -> float:
    """How many values it can give there."""
    bits = form.bits
    if form is FORMS["email"]:
        bits = 4 * (min(column.limit or 99, form.longest) - len(MAIL_DOMAIN))
    elif form is TEXT and column.limit is not None:
        bits = min(bits, BITS_OF_A_CHARACTER * column.limit)
    return float(2**bits)
