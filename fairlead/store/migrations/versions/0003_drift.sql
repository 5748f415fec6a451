-- What watch_drift found otherwise than recorded: a row from when it is first seen until it is not
-- seen any more, so that a change is told once.

create table drift (
  id          bigint generated always as identity primary key,
  project     text not null,
  environment text not null,
  kind        text not null check (kind in (
                'gone', 'stopped', 'other_digest', 'unhealthy', 'unknown', 'not_at_rest',
                'proxy_away', 'misrouted', 'host_away', 'unsettled', 'ahead')),
  host        text not null,                      -- empty: the environment as a whole
  container   text not null,                      -- empty: about none
  words       text not null check (words <> ''),  -- while they stay the same, so does the drift
  detail      text not null default '',           -- as it was last seen
  opened_at   timestamptz not null default now(),
  gone_at     timestamptz
);

create unique index drift_open_once on drift (project, environment, host, words)
  where gone_at is null;
