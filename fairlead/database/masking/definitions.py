"""The functions beside functions.sql: the fakes, which hold the words, and those of arrays."""

from psycopg import sql
from psycopg.sql import Composable, Composed

from fairlead.database.masking.expressions import function
from fairlead.database.masking.forms import FORMS, MAIL_DOMAIN, TEXT
from fairlead.database.masking.words import PARTS

# Each of an array; `folded` for citext, `most` characters of each.
EACH_TEXT = """
create function {each}(value text[], meaning text, folded bool, most int) returns text[]
language sql stable parallel safe as $body$
  select case when value is null then null else coalesce((select array_agg(
    case when u.one = '' then '' else {left} end order by u.at)
    from unnest(value) with ordinality u (one, at)), '{{}}') end
$body$
"""
EACH = """
create function {each}(value {kind}[], meaning text) returns {kind}[]
language sql stable parallel safe as $body$
  select case when value is null then null else coalesce((select array_agg(
    {own}(u.one, meaning) order by u.at) from unnest(value) with ordinality u (one, at)),
    '{{}}') end
$body$
"""
BYTES = """
create function {own}(value bytea, meaning text) returns bytea
language sql stable parallel safe as $body$ select {digest}(encode(value, 'hex'), meaning) $body$
"""
# One hash is enough for all its words. What has none at hand calls `own`, which is not SQL: that
# would be written out with a hash for each word.
FAKE = """
create function {of}(hash text) returns text
language sql immutable parallel safe as $body$ select {parts} $body$;
create function {own}(value text, meaning text) returns text
language plpgsql stable parallel safe as $body$
declare hash text := {hexadecimal}(value, meaning);
begin return {of}(hash); end $body$
"""


def definitions() -> list[Composed]:
    """Statements without parameters."""
    forms = [form.function for form in (*FORMS.values(), TEXT)]
    fakes = [f"fake_{kind}" for kind in PARTS]
    return [
        sql.SQL(BYTES).format(own=function("digest_bytes"), digest=function("digest")),
        *(_fake(kind) for kind in PARTS),
        *(_each_text(name) for name in (*forms, *fakes)),
        *(
            sql.SQL(EACH).format(
                each=function(f"each_{name}"), own=function(name), kind=sql.SQL(kind)
            )
            for name, kind in (("permuted", "bigint"), ("digest_bytes", "bytea"))
        ),
    ]


def _each_text(name: str) -> Composed:
    one = sql.SQL("{}(case when folded then lower(u.one) else u.one end, meaning)").format(
        function(name)
    )
    if name == FORMS["email"].function:
        cut = sql.SQL(
            "left({one}, coalesce(least(most, {longest}), {longest}) - {tail}) || {domain}"
        ).format(
            one=one,
            longest=sql.Literal(FORMS["email"].longest),
            tail=sql.Literal(len(MAIL_DOMAIN)),
            domain=sql.Literal(MAIL_DOMAIN),
        )
    else:
        cut = sql.SQL("left({}, coalesce(most, 1 << 30))").format(one)
    return sql.SQL(EACH_TEXT).format(each=function(f"each_{name}"), left=cut)


def _fake(kind: str) -> Composed:
    parts: list[Composable] = []
    at = 1  # of the hash's 64 hexadecimal digits, seven are taken for each word
    for part in PARTS[kind]:
        if isinstance(part, str):
            parts.append(sql.Literal(part))
            continue
        parts.append(
            sql.SQL("{}({}::text[], hash, {})").format(
                function("pick"), sql.Literal(list(part)), sql.Literal(at)
            )
        )
        at += 7
    return sql.SQL(FAKE).format(
        of=function(f"fake_{kind}_of"),
        own=function(f"fake_{kind}"),
        hexadecimal=function("hexadecimal"),
        parts=sql.SQL(" || ").join(parts),
    )
