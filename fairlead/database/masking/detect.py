"""What a value or a name looks like. Pure; no value leaves it, only what kind it is of."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

MAIL = re.compile(r"[\w.%+'-]+@[\w-]+(?:\.[\w-]+)+")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])")
PHONE = re.compile(r"^\+?[\d][\d ()/.-]{5,18}\d$|^\+\d{7,15}$|^\(\d{2,5}\)[\d /-]{4,14}$")
IP = re.compile(r"^(?:\d{1,3}\.){3}\d{1,3}$|^(?=.*::|(?:[0-9a-fA-F]{1,4}:){7})[0-9a-fA-F:]{3,39}$")
URL_SECRET = re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
PASSWORD = re.compile(r"^(?:pbkdf2_|argon2|bcrypt|scrypt|\$2[aby]\$|\$argon2|sha1\$|md5\$|!)")
TOKEN = re.compile(r"^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_\-+/=.]{20,}$")
NAME = re.compile(r"^[^\W\d_]+(?:['’-][^\W\d_]+)*\.?(?: [^\W\d_]+(?:['’-][^\W\d_]+)*\.?){1,3}$")
STREET = re.compile(
    r"^[^\W\d_][\w .'-]{3,40} \d{1,4} ?[a-zA-Z]?(?:,|$)|^\d{1,5} [A-Z][\w .'-]{3,40}$"
)
DATE = re.compile(r"^(?:19|20)\d\d-\d\d-\d\d$")
OUR_IBAN = re.compile(r"DE\d\d ?0")
DOMAIN_OF_OURS = re.compile(r"@example\.invalid$", re.IGNORECASE)


def is_iban(text: str) -> bool:
    """ISO 13616: as a number, the first four behind the others, it leaves 1 divided by 97."""
    bare = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", bare):
        return False
    return int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """ISO/IEC 7812-1: 13 to 19 digits with the check digit of Luhn."""
    digits = [int(sign) for sign in text if sign in "0123456789"]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def found_in(text: str) -> Iterator[tuple[str, str]]:
    """What stands anywhere in a text: kind and the very part; not what our masking makes."""
    for hit in MAIL.finditer(text) if "@" in text else ():  # it looks long where there is none
        if not DOMAIN_OF_OURS.search(hit.group()):
            yield "email", hit.group()
    for hit in IBAN.finditer(text):
        if is_iban(hit.group()) and not OUR_IBAN.match(hit.group()):
            yield "iban", hit.group().replace(" ", "")
    for hit in CARD.finditer(text):
        if is_card(hit.group()) and not hit.group().startswith("400000"):
            yield "card", re.sub(r"[ -]", "", hit.group())


def _within(kind: str) -> Callable[[str], bool]:
    return lambda text: any(found == kind for found, _ in found_in(text))


def _whole(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: bool(pattern.search(text.strip()))


def _is_phone(text: str) -> bool:
    stripped = text.strip()
    return bool(PHONE.match(stripped)) and (
        stripped.startswith(("+", "0", "(")) and not DATE.match(stripped)
    )


def _is_birthday(text: str) -> bool:
    return bool(DATE.match(text)) and int(text[:4]) < date.today().year - 15  # noqa: DTZ011


# Each with the share of the values that has to look so: one mail address is one too many.
CONTENT: Mapping[str, tuple[Callable[[str], bool], float]] = {
    "email": (_within("email"), 0.0),
    "iban": (_within("iban"), 0.0),
    "card": (_within("card"), 0.1),
    "url": (lambda text: bool(URL_SECRET.search(text)), 0.0),
    "password": (_whole(PASSWORD), 0.5),
    "ip": (_whole(IP), 0.5),
    "phone": (_is_phone, 0.5),
    "token": (_whole(TOKEN), 0.5),
    "address": (_whole(STREET), 0.5),
    "name": (_whole(NAME), 0.5),
    "birthday": (_is_birthday, 0.8),
    "text": (lambda text: len(text) > 40 and " " in text, 0.3),
}
NAMES: Mapping[str, str] = {
    "password": r"passw(or)?d|passwort|^pwd",
    "email": r"e_?mail",
    "iban": r"\biban|_iban|^iban",
    "card": r"card_?(no|num)|credit_?card|^pan$|kreditkarte",
    "token": r"token|secret|api_?key|private_?key|signature|session_key|otp|^salt$|credential",
    "phone": r"phone|mobile|^tel$|telefon|^fax|_tel$|_fax$",
    "ip": r"(^|_)ip($|_)|ip_?addr|remote_addr|user_?host",
    "birthday": r"birth|^dob$|_dob$|geburt",
    "first_name": r"first_?name|given_?name|vorname|fore_?name",
    "last_name": r"last_?name|sur_?name|family_?name|nachname",
    "street": r"street|strasse|address_?(line)?_?[12]$",
    "city": r"^city$|_city$|^ort$|town",
    "address": r"address|adresse|postal|zip|plz|postcode",
    "company": r"company|firma|organi[sz]ation",
    "username": r"user_?name|^login|nick|screen_name",
    "url": r"(^|_)(webhook|callback|dsn)",
    "name": r"^name$|_name$|contact|full_?name|holder|recipient|author|person",
    "number": r"(^|_)(ssn|tax|vat|passport|social|national|customer_no|account)(_|$)|steuer",
    "text": r"note|comment|remark|message|body|description|subject|content|bio|feedback|reason",
}


def by_name(column: str) -> str | None:
    """What a column of that name is expected to hold."""
    lower = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column).lower()
    return next((kind for kind, pattern in NAMES.items() if re.search(pattern, lower)), None)


def by_content(values: Sequence[str]) -> str | None:
    """What the values look like."""
    told = [value for value in values if value.strip()]
    for kind, (looks, share) in CONTENT.items():
        hits = sum(looks(value) for value in told)
        if hits and hits / len(told) > share:
            return kind
    return None
