-- One row for each time that a database was saved. Only a proven backup counts.

create table backup (
  id             bigint generated always as identity primary key,
  project        text not null,
  environment    text not null,
  release        bigint references release (id),  -- whose migrations it was made before
  kind           text not null check (kind in ('dump', 'template', 'command')),
  state          text not null default 'running'
                 check (state in ('running', 'proven', 'failed', 'removed')),
  place          text not null default '',
  database       text not null,
  system         text not null,                   -- the identifier of its server
  server         text not null,                   -- its version, as people say it
  database_bytes bigint not null check (database_bytes >= 0),
  bytes          bigint check (bytes >= 0),
  manifest       text,                            -- SHA-256 of the list of files
  made_by        text not null,
  started_at     timestamptz not null default clock_timestamp(),
  ended_at       timestamptz,
  proven_at      timestamptz,
  drilled_at     timestamptz,
  removed_at     timestamptz,
  error          text,
  constraint backup_ended_when_final check ((state = 'running') = (ended_at is null)),
  constraint backup_counts_when_proven
    check ((state in ('proven', 'removed')) = (proven_at is not null)),
  constraint backup_is_somewhere check (proven_at is null or place <> ''),
  constraint backup_error_when_failed check ((state = 'failed') = (error is not null)),
  constraint backup_removed_when check ((state = 'removed') = (removed_at is not null))
);
create index backup_of_environment on backup (project, environment, id desc);
create unique index backup_one_running on backup (project, environment) where state = 'running';

-- Each time that a backup was put in the place of a database; `kept` is what the old one is called.
create table restore (
  id          bigint generated always as identity primary key,
  backup      bigint not null references backup (id),
  environment text not null,
  made_by     text not null,
  kept        text not null,
  forced      boolean not null,
  swapped_at  timestamptz not null default clock_timestamp()
);
