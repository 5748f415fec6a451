-- What GitHub delivered and a release is started for. It is here before GitHub is answered, because
-- GitHub does not deliver again by itself. Refused and ignored deliveries that start nothing are
-- not kept.

create table delivery (
  number      bigint generated always as identity,   -- the order in which they are started
  project     text not null,
  guid        text not null check (guid ~ '^[0-9a-f-]{36}$'),
  event       text not null check (event in ('repository_dispatch', 'workflow_run', 'deployment')),
  subject     text not null,                         -- what the signed body names
  repository  text not null,
  actor       text not null,
  environment text not null,
  sha         text not null check (sha ~ '^[0-9a-f]{40}$'),
  reason      text not null default '',
  received_at timestamptz not null default now(),
  state       text not null default 'waiting' check (state in ('waiting', 'started', 'refused')),
  attempts    int not null default 0 check (attempts >= 0),
  next_try_at timestamptz not null default now(),
  flow_run    text,
  problem     text,
  settled_at  timestamptz,
  primary key (project, guid),                       -- several webhooks share one GUID
  constraint delivery_subject_once unique (project, subject),
  constraint delivery_settled_when_final check ((state = 'waiting') = (settled_at is null)),
  constraint delivery_run_when_started check ((state = 'started') = (flow_run is not null)),
  constraint delivery_problem_when_refused check (problem is not null or state <> 'refused')
);

create index delivery_waiting on delivery (project, environment, number) where state = 'waiting';
create index delivery_recent on delivery (project, number desc);
