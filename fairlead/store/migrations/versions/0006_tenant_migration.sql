-- The last that was told of each tenant that a release migrated. Tenants that had nothing to do have
-- no row.

create table tenant_migration (
  release   bigint not null references release (id),
  tenant    text not null,
  state     text not null check (state in ('retried', 'done', 'failed')),
  seconds   double precision not null check (seconds >= 0),  -- of the last attempt
  attempts  integer not null check (attempts >= 1),
  at        text not null default '',     -- the migration that failed
  error     text not null default '',
  told_at   timestamptz not null default now(),
  primary key (release, tenant),
  constraint tenant_migration_error_when_failed check ((state = 'done') = (error = ''))
);
create index tenant_migration_failed on tenant_migration (release) where state <> 'done';
