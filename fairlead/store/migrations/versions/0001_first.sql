-- The first schema of the store. Times are timestamptz, taken from the database's clock only, so
-- that a wrong clock on a host changes nothing. History is appended, never rewritten.

create table release (
  id                bigint generated always as identity primary key,
  project           text not null,
  environment       text not null,
  sha               text not null check (sha ~ '^[0-9a-f]{40}$'),
  kind              text not null check (kind in ('release', 'promotion', 'rollback')),
  state             text not null default 'running' check (state in (
                      'running', 'succeeded', 'unchanged', 'refused',
                      'failed', 'rolled_back', 'rollback_failed')),
  source            text,
  requested_by      text not null,
  requested_via     text not null,
  reason            text not null default '',
  replaces          bigint references release (id),
  origin            bigint references release (id),   -- whose containers these are; its own: null
  request           text unique,                      -- the same request is never served twice
  fencing           bigint not null,
  config            jsonb not null,
  config_digest     text not null,
  flow_run          text,
  started_at        timestamptz not null default now(),
  ended_at          timestamptz,
  error             text,
  requests_answered bigint check (requests_answered >= 0),
  requests_lost     bigint check (requests_lost >= 0),
  constraint release_ended_when_final check ((state = 'running') = (ended_at is null)),
  constraint release_error_when_failed check (
    error is not null or state in ('running', 'succeeded', 'unchanged'))
);

create unique index release_one_unfinished on release (project, environment)
  where state = 'running';
create index release_history on release (project, environment, id desc);
create index release_recent on release (project, id desc);
create index release_succeeded on release (project, environment, id desc)
  where state = 'succeeded';

-- The intent is the insert, the outcome the update; one row an attempt.
create table step (
  release    bigint not null references release (id),
  name       text not null,
  attempt    int not null check (attempt > 0),
  started_at timestamptz not null default now(),
  ended_at   timestamptz,
  outcome    text check (outcome in ('succeeded', 'failed', 'skipped')),
  detail     text not null default '',
  error      text,
  log_tail   text not null default '',
  primary key (release, name, attempt),
  constraint step_outcome_when_ended check ((outcome is null) = (ended_at is null))
);

-- The digest ledger: where a tag pointed when it was first released. It never changes.
create table ledger (
  repository text not null,
  tag        text not null,
  digest     text not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
  first_seen timestamptz not null default now(),
  primary key (repository, tag)
);

create table image (
  release    bigint not null references release (id),
  service    text not null,
  repository text not null,
  tag        text not null,
  digest     text not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
  revision   text,
  primary key (release, service)
);

-- What is where: written in the transaction that ends a release.
create table placement (
  project     text not null,
  environment text not null,
  host        text not null,
  service     text not null,
  release     bigint not null references release (id),
  sha         text not null,
  digest      text not null,
  replicas    int not null check (replicas > 0),
  since       timestamptz not null default now(),
  primary key (project, environment, host, service)
);

create table lease (
  project      text not null,
  environment  text not null,
  fencing      bigint not null,
  holder       text,
  release      bigint references release (id),
  acquired_at  timestamptz,
  heartbeat_at timestamptz,
  expires_at   timestamptz,
  primary key (project, environment),
  constraint lease_held_whole check (
    (holder is null) = (expires_at is null) and (holder is null) = (acquired_at is null))
);

-- What was told to whom, so that a message is updated in place by whoever comes next.
create table notice (
  release    bigint not null references release (id),
  channel    text not null,
  message_id text,
  state      text not null,
  error      text,
  told_at    timestamptz not null default now(),
  primary key (release, channel)
);
