"""What a column might be masked with, the best first. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import Column
from fairlead.database.masking.detect import by_content, by_name

Proposal = tuple[MaskingRule, str]
KEEP, NULL = MaskingRule(way="keep"), MaskingRule(way="null")


def hashed(meaning: str) -> MaskingRule:
    return MaskingRule(way="hash", argument=meaning)


def fake(kind: str) -> MaskingRule:
    return MaskingRule(way="fake", argument=kind)


RULES: Mapping[str, MaskingRule] = {
    **{kind: hashed(kind) for kind in ("email", "phone", "iban", "card", "ip", "url", "password")},
    **{kind: hashed(kind) for kind in ("token", "username", "number")},
    **{kind: fake(kind) for kind in ("name", "first_name", "last_name", "company", "street")},
    **{kind: fake(kind) for kind in ("city", "address")},
    "text": fake("words"),
    "birthday": MaskingRule(way="shift_days", argument=180),
}
WORDS: Mapping[str, str] = {
    "email": "mail addresses",
    "phone": "phone numbers",
    "iban": "IBANs",
    "card": "card numbers",
    "ip": "addresses of machines",
    "url": "addresses with credentials",
    "password": "passwords",
    "token": "secrets",
    "username": "names of users",
    "number": "numbers of persons",
    "name": "names",
    "first_name": "names",
    "last_name": "names",
    "company": "names of companies",
    "street": "streets",
    "city": "places",
    "address": "addresses",
    "text": "free text",
    "birthday": "dates of birth",
}
STRUCTURE = re.compile(
    r"(^|_)(status|state|type|kind|code|slug|schema_name|domain|currency|lang|language|locale|country"
    r"|unit|sku|version|colou?r|model|codename|app|app_label|label|level|role|permission|category"
    r"|plan|time_?zone|tz|format|mime|extension)$"
)
OF_DJANGO = re.compile(r"^(django_migrations|django_content_type|auth_permission|auth_group)$")
STRONG = ("email", "iban", "card", "url", "password", "phone")
FEW, ENOUGH = 12, 60  # different values, and among how many that says something


def candidates(column: Column, values: Sequence[str]) -> Iterator[Proposal]:
    """`values` are some of it. What is in a column says more than its name, where it is strong."""
    looks, called = by_content(values), by_name(column.name)
    family = column.kind.family
    if OF_DJANGO.match(column.table) and looks not in STRONG:
        yield KEEP, "Django's own"
    elif family in ("text", "json", "bytes", "address"):
        yield from _open(column, values, looks, called)
    elif looks in ("card", "iban") or (
        called in ("number", "phone", "card") and not column.primary
    ):
        yield from _of_kind(str(looks or called), family)
    elif family == "date" and "birthday" in (looks, called):
        yield from _of_kind("birthday", family)
    elif family == "other":
        yield NULL, f"{column.type}: what is in it cannot be seen"
        if column.kind.name in ("tsvector", "hstore"):
            yield MaskingRule(way="constant", argument=""), f"{column.type}: holds words of others"
    elif column.primary or column.refers:
        yield KEEP, "a key"
    elif family == "uuid" and called in ("token", "password"):
        yield from _of_kind("token", family)
    else:
        yield KEEP, column.type


def _open(
    column: Column, values: Sequence[str], looks: str | None, called: str | None
) -> Iterator[Proposal]:
    """Types that anything can be in."""
    family = column.kind.family
    kind = looks if looks in STRONG else called or looks
    if family == "json":
        yield hashed("text"), f"{column.type}{_holding(looks)}: every text in it"
    elif family == "bytes":
        yield NULL, f"bytea{_holding(looks)}"
        yield hashed("bytes"), f"bytea{_holding(looks)}"
    elif family == "address":
        yield hashed("ip"), WORDS["ip"]
    elif looks not in STRONG and called in (None, "name") and STRUCTURE.search(column.name):
        yield KEEP, "by its name"
    elif kind and not (kind == looks and kind not in STRONG and _few(values)):
        yield from _of_kind(kind, family, seen=kind == looks)
    elif _few(values):
        yield KEEP, "few different values"
    yield hashed("text"), "text of any kind"
    yield NULL, "text of any kind"


def _of_kind(kind: str, family: str, *, seen: bool = True) -> Iterator[Proposal]:
    why = WORDS[kind] + ("" if seen else ", by its name")
    yield RULES[kind], why
    yield hashed(kind), why
    yield hashed("text"), why
    yield NULL, why


def _holding(looks: str | None) -> str:
    return f", {WORDS[looks]} in it" if looks else ""


def _few(values: Sequence[str]) -> bool:
    return len(values) >= ENOUGH and len(set(values)) <= FEW
