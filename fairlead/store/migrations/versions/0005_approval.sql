-- A release may wait, without lease and process, until somebody says that it may go on.

alter table release drop constraint release_state_check;
alter table release add constraint release_state_check check (state in (
  'running', 'waiting', 'succeeded', 'unchanged', 'refused',
  'failed', 'rolled_back', 'rollback_failed'));
alter table release drop constraint release_ended_when_final;
alter table release add constraint release_ended_when_final
  check ((state in ('running', 'waiting')) = (ended_at is null));
alter table release drop constraint release_error_when_failed;
alter table release add constraint release_error_when_failed check (
  error is not null or state in ('running', 'waiting', 'succeeded', 'unchanged'));
create index release_waiting on release (project, environment) where state = 'waiting';

create table approval (
  release     bigint primary key references release (id),
  rule        text not null check (rule in ('anybody', 'other')),
  asked_at    timestamptz not null default now(),
  expires_at  timestamptz not null,
  parameters  jsonb not null,           -- of the flow, to go on with
  suspended   text,                     -- the run of Prefect's that waits; null: none does
  decision    text check (decision in ('approved', 'refused', 'expired')),
  decided_by  text,
  decided_via text,
  reason      text not null default '',
  decided_at  timestamptz,
  constraint approval_decided_whole check (
    (decision is null) = (decided_at is null) and (decision is null) = (decided_by is null)
    and (decision is null) = (decided_via is null))
);
