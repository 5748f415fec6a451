-- Which migrations the schemas had that a release was to migrate, so that they can be brought back
-- to exactly these: one row for each set, `faked` are those of which the release wrote the row only.

create table applied_before (
  release    bigint not null references release (id),
  part       int not null,
  shared     boolean not null,                    -- the shared schema, or the only one; else tenants
  schemas    text[] not null,
  migrations jsonb not null check (jsonb_typeof(migrations) = 'array'),
  faked      jsonb not null check (jsonb_typeof(faked) = 'array'),
  primary key (release, part)
);

-- How much had been written to the database when it was saved, by table, as the server counts.
alter table backup add column written jsonb check (jsonb_typeof(written) = 'object');
