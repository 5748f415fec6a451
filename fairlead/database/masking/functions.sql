-- Every one STABLE and none STRICT, so that PostgreSQL writes it into the statement instead of
-- calling it. The salt of a meaning is a setting of the session. NULL gives NULL, '' gives ''.
create function fairlead_masking.digest(value text, meaning text) returns bytea
language sql stable parallel safe as $$
  select sha256(convert_to(current_setting('fairlead.masking_' || meaning) || value, 'UTF8'))
$$;
create function fairlead_masking.hexadecimal(value text, meaning text) returns text
language sql stable parallel safe as $$
  select encode(fairlead_masking.digest(value, meaning), 'hex')
$$;
create function fairlead_masking.letters(value text, meaning text) returns text
language sql stable parallel safe as $$
  select left(replace(replace(encode(fairlead_masking.digest(value, meaning), 'base64'),
    '+', 'x'), '/', 'y'), 43)
$$;
create function fairlead_masking.digits(value text, meaning text, count int) returns text
language sql stable parallel safe as $$
  select lpad((('x' || left(fairlead_masking.hexadecimal(value, meaning), 15))::bit(60)::bigint
    % (10 ^ count)::bigint)::text, count, '0')
$$;
create function fairlead_masking.hash_text(value text, meaning text) returns text
language sql stable parallel safe as $$
  select case
    when length(value) <= 16 then left(fairlead_masking.letters(value, meaning), 16)
    when length(value) <= 43 then fairlead_masking.letters(value, meaning)
    else left(
      repeat(fairlead_masking.letters(value, meaning), 1 + least(length(value), 4096) / 43),
      least(length(value), 4096)) end
$$;
create function fairlead_masking.hash_email(value text, meaning text) returns text
language sql stable parallel safe as $$
  select left(fairlead_masking.hexadecimal(value, meaning), 20) || '@example.invalid'
$$;
create function fairlead_masking.hash_phone(value text, meaning text) returns text
language sql stable parallel safe as $$
  select '+999' || fairlead_masking.digits(value, meaning, 12)
$$;
-- ISO 13616: 98 less what the number, with DE00 as digits behind it, leaves when divided by 97.
create function fairlead_masking.iban_of(bban text) returns text
language sql immutable parallel safe as $$
  select 'DE' || lpad((98 - (bban || '131400')::numeric % 97)::text, 2, '0') || bban
$$;
create function fairlead_masking.hash_iban(value text, meaning text) returns text
language sql stable parallel safe as $$
  select fairlead_masking.iban_of('0' || fairlead_masking.digits(value, meaning, 17))
$$;
-- ISO/IEC 7812-1, Luhn: of 15 digits each odd one counts double, less 9 where that has two digits.
create function fairlead_masking.card_of(base text) returns text
language sql immutable parallel safe as $$
  select base || (10 - sum(case when at % 2 = 0 then digit when digit < 5 then 2 * digit
    else 2 * digit - 9 end) % 10) % 10
  from (select at, substr(base, at, 1)::int as digit from generate_series(1, length(base)) at) d
$$;
create function fairlead_masking.hash_card(value text, meaning text) returns text
language sql stable parallel safe as $$
  select fairlead_masking.card_of('400000' || fairlead_masking.digits(value, meaning, 9))
$$;
-- RFC 9562, version 4.
create function fairlead_masking.hash_uuid(value text, meaning text) returns text
language sql stable parallel safe as $$
  select overlay(overlay(left(fairlead_masking.hexadecimal(value, meaning), 32)
    placing '4' from 13) placing 'a' from 17)::uuid::text
$$;
-- inet as a text has the length of its net behind it.
create function fairlead_masking.hash_ip(value text, meaning text) returns text
language sql stable parallel safe as $$
  select case when value like '%:%'
    then host('2001:db8::'::inet
      + ('x' || left(fairlead_masking.hexadecimal(split_part(value, '/', 1), meaning), 15)
        )::bit(60)::bigint)
    else host('240.0.0.0'::inet
      + ('x' || left(fairlead_masking.hexadecimal(split_part(value, '/', 1), meaning), 7)
        )::bit(28)::bigint) end
$$;
create function fairlead_masking.hash_url(value text, meaning text) returns text
language sql stable parallel safe as $$
  select 'https://example.invalid/' || left(fairlead_masking.letters(value, meaning), 22)
$$;
-- What Django takes for a password that nothing matches begins with an exclamation mark.
create function fairlead_masking.hash_password(value text, meaning text) returns text
language sql stable parallel safe as $$
  select '!' || left(fairlead_masking.letters(value, meaning), 40)
$$;
-- By seven of a hash's hexadecimal digits.
create function fairlead_masking.pick(words text[], hash text, at int) returns text
language sql immutable parallel safe as $$
  select words[1 + ('x' || substr(hash, at, 7))::bit(28)::int % array_length(words, 1)]
$$;
-- How many days, and which way.
create function fairlead_masking.shift_of(hash text, days int) returns int
language sql immutable parallel safe as $$
  select (1 + ('x' || left(hash, 7))::bit(28)::int % days)
    * (1 - 2 * (('x' || substr(hash, 8, 1))::bit(4)::int & 1))
$$;
create function fairlead_masking.shift(value text, meaning text, days int) returns int
language plpgsql stable parallel safe as $$
declare hash text := fairlead_masking.hexadecimal(value, meaning);
begin return fairlead_masking.shift_of(hash, days); end $$;
-- A Feistel network, walked until it gives a number as wide as the one it was given (0, 2, 4 or 8
-- bytes): no two give the same, and a number has the same in columns of any width.
create function fairlead_masking.permuted(value bigint, meaning text) returns bigint
language plpgsql stable parallel safe as $$
declare
  whole bigint := case when value < 0 then -1 - value else value end;
  half int := case when whole < 32768 then 8 when whole < 2147483648 then 16 else 32 end;
  low bigint := case half when 8 then 0 when 16 then 32768 else 2147483648 end;
  mask bigint := (1::bigint << half) - 1;
  l bigint; r bigint; f bigint;
begin
  if value is null then return null; end if;
  loop
    l := (whole >> half) & mask;
    r := whole & mask;
    for round in 1..6 loop
      f := ('x' || left(fairlead_masking.hexadecimal(half || ' ' || round || ' ' || r, meaning), 8)
        )::bit(32)::bigint & mask;
      f := l # f;
      l := r;
      r := f;
    end loop;
    whole := (l << half) | r;
    exit when l < 1::bigint << (half - 1) and whole >= low;
  end loop;
  return case when value < 0 then -1 - whole else whole end;
end $$;
-- All texts and numbers in it; names of fields stay where they look like names.
create function fairlead_masking.masked_document(value jsonb, meaning text) returns jsonb
language plpgsql stable parallel safe as $$
begin
  return case jsonb_typeof(value)
    when 'string' then to_jsonb(case when value #>> '{}' = '' then ''
      else fairlead_masking.hash_text(value #>> '{}', meaning) end)
    when 'number' then case when value #>> '{}' ~ '^-?[0-9]{1,18}$'
      then to_jsonb(fairlead_masking.permuted((value #>> '{}')::bigint, meaning)) else '0' end
    when 'array' then coalesce((select jsonb_agg(fairlead_masking.masked_document(e.one, meaning)
      order by e.at) from jsonb_array_elements(value) with ordinality e (one, at)), '[]')
    when 'object' then coalesce((select jsonb_object_agg(
      case when e.name ~ '^[A-Za-z_][A-Za-z_-]{0,39}$' then e.name
        else fairlead_masking.hash_text(e.name, meaning) end,
      fairlead_masking.masked_document(e.one, meaning)) from jsonb_each(value) e (name, one)), '{}')
    else value end;
end $$;
-- json takes escapes that jsonb has no room for (\u0000): such a document is emptied.
create function fairlead_masking.hash_document(value text, meaning text) returns text
language plpgsql stable parallel safe as $$
begin
  return fairlead_masking.masked_document(value::jsonb, meaning)::text;
exception when data_exception then
  return '{}';
end $$;
