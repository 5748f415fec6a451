-- What each program may do in the store, and no more: three roles without a login, for logins of
-- your own to be members of. Run it in the store's database as its superuser, once the schema is
-- there and again after each upgrade; ../README.md says how. Safe to run again: what a role may do
-- is taken away first.
--
-- The schema belongs to the database's owner, who alone can change it: an upgrade is the owner's.
-- Whatever is not named here nobody but the owner may do. What is recorded of a release stays: of
-- a row that is there only what becomes of it can be written, never who asked for what.

begin;

do $$
declare
  name text;
begin
  foreach name in array array['fairlead_flow', 'fairlead_receiver', 'fairlead_reader'] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I nologin', name);
    end if;
  end loop;
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to fairlead_flow, fairlead_receiver, fairlead_reader',
    current_database());
end $$;

set local search_path to fairlead;
revoke all on schema fairlead from public, fairlead_flow, fairlead_receiver, fairlead_reader;
revoke all on all tables in schema fairlead
  from public, fairlead_flow, fairlead_receiver, fairlead_reader;
grant usage on schema fairlead to fairlead_flow, fairlead_receiver, fairlead_reader;
grant select on schema_version to fairlead_flow, fairlead_receiver, fairlead_reader;

-- The flows and their workers, `fairlead release` and the like by hand, `fairlead notify`.
grant select on release, step, approval, ledger, image, commit, placement, lease, applied_before,
  tenant_migration, backup, preview, drift, delivery, outbox, receipt, refresh, refresh_phase
  to fairlead_flow;
grant insert on release, step, approval, ledger, image, commit, placement, lease, applied_before,
  tenant_migration, backup, restore, preview, drift, outbox, receipt, refresh, refresh_phase
  to fairlead_flow;
grant update (state, fencing, config, config_digest, flow_run, error, requests_answered,
  requests_lost, ended_at) on release to fairlead_flow;
grant update (outcome, detail, error, log_tail, ended_at) on step to fairlead_flow;
grant update (decision, decided_by, decided_via, reason, decided_at) on approval to fairlead_flow;
grant update (state, place, bytes, manifest, ended_at, proven_at, drilled_at, removed_at, error)
  on backup to fairlead_flow;
grant update (state, seconds, attempts, at, error, told_at) on tenant_migration to fairlead_flow;
grant update (made_at, digest, pending, body) on preview to fairlead_flow;
grant update (detail, gone_at) on drift to fairlead_flow;
grant update (backup, state, figures, error, ended_at, undoing_at, undone_at, undone_by,
  kept_removed_at) on refresh to fairlead_flow;
grant update (outcome, detail, error, log_tail, ended_at) on refresh_phase to fairlead_flow;
grant update on placement, lease, outbox, receipt to fairlead_flow;
grant delete on placement, outbox, receipt to fairlead_flow;

-- `fairlead dispatch serve`, which the world can reach: a wish is kept, and how far it came.
grant select on delivery to fairlead_receiver;
grant insert (project, guid, event, subject, repository, actor, environment, sha, reason)
  on delivery to fairlead_receiver;
grant update (state, attempts, next_try_at, flow_run, problem, settled_at)
  on delivery to fairlead_receiver;

-- `fairlead status`, `history`, `show`, `backups`, `drift`, `metrics`, `dispatch deliveries`, and
-- dashboards. Not what is being told to whom.
grant select on release, step, approval, image, commit, placement, lease, tenant_migration, backup,
  preview, drift, delivery, refresh, refresh_phase, change to fairlead_reader;

commit;
