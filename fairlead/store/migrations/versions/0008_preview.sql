-- What the pending migrations of a release would do, as it was looked at before anything was touched. Once somebody has
-- been asked to approve it, it stays what was shown to them.

create table preview (
  release  bigint primary key references release (id),
  made_at  timestamptz not null default now(),
  digest   text not null check (digest ~ '^[0-9a-f]{64}$'),  -- of the work, without sizes
  pending  text not null,                                    -- in words
  body     jsonb not null
);
