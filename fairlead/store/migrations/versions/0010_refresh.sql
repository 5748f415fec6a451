-- Refreshes of an environment with another one's data, and what each did, phase by phase: the
-- intent before, the outcome after.

create table refresh (
  id              bigint generated always as identity primary key,
  project         text not null,
  environment     text not null,
  source          text not null,
  reads           text not null check (reads in ('database', 'backup')),
  backup          bigint references backup (id),
  release         bigint references release (id),            -- what was deployed meanwhile
  state           text not null default 'running' check (state in
    ('running', 'refreshed', 'refused', 'failed', 'not_put_back', 'undone')),
  database        text not null,
  made            text not null,                             -- the new one, until it is swapped
  kept            text not null,                             -- the old one, once it is
  requested_by    text not null,
  requested_via   text not null,
  request         text unique,
  flow_run        text,
  started_at      timestamptz not null default now(),
  ended_at        timestamptz,
  undoing_at      timestamptz,
  undone_at       timestamptz,
  undone_by       text,
  kept_removed_at timestamptz,
  error           text,
  figures         jsonb not null default '{}' check (jsonb_typeof(figures) = 'object'),
  check ((state = 'running') = (ended_at is null)),
  check ((state = 'undone') = (undone_at is not null)),
  check ((undone_at is null) = (undone_by is null))
);

create unique index refresh_one_running on refresh (project, environment)
  where state = 'running';
create index refresh_history on refresh (project, environment, id desc);

create table refresh_phase (
  refresh    bigint not null references refresh (id),
  name       text not null,
  started_at timestamptz not null default clock_timestamp(),
  ended_at   timestamptz,
  outcome    text check (outcome in ('succeeded', 'failed', 'skipped')),
  detail     text not null default '',
  error      text,
  log_tail   text not null default '',
  primary key (refresh, name),
  check ((ended_at is null) = (outcome is null))
);
