-- When a change came about: its commit, as GitHub knows it, and its images, as they say themselves.

create table commit (
  project      text not null,
  sha          text not null check (sha ~ '^[0-9a-f]{40}$'),
  committed_at timestamptz not null,
  noted_at     timestamptz not null default now(),
  primary key (project, sha)
);

alter table image add column built_at timestamptz;

-- With a million releases each of these was a walk through all of them.
create index release_ended on release (project, ended_at);
create index release_of_commit on release (project, sha, id);
create index release_of_flow_run on release (flow_run) where flow_run is not null;
create index release_going_back on release (replaces) where kind = 'rollback';

-- A change is a release or a promotion that put new containers before people, or was about to. It
-- failed when it was put back by itself, could not be, or was gone back from by hand. A failure
-- begins with the step `deploy`, or with the end of the release where it was seen later; it is over
-- when the environment was put back, settled, or got another release. What a change began with
-- is its commit, else its oldest image, else the first time that anybody asked for its release.
create view change as
select r.project, r.environment, r.id as release, r.sha, r.ended_at,
  r.state <> 'succeeded' or back.ended_at is not null as failed,
  case when r.state = 'succeeded' then r.ended_at else coalesce(
    (select min(s.started_at) from step s where s.release = r.id and s.name = 'deploy'),
    r.started_at) end as broke_at,
  case r.state
    when 'succeeded' then back.ended_at
    when 'rolled_back' then r.ended_at
    else least(
      (select min(s.ended_at) from step s
       where s.release = r.id and s.name = 'settle' and s.outcome = 'succeeded'),
      (select n.ended_at from release n
       where n.project = r.project and n.environment = r.environment and n.state = 'succeeded'
         and n.id > r.id order by n.id limit 1))
  end as restored_at,
  case when r.state <> 'succeeded' then null
    when c.committed_at is not null then 'commit'
    when built.at is not null then 'image'
    else 'store'
  end as known_from,
  case when r.state = 'succeeded' then coalesce(c.committed_at, built.at,
    (select min(f.started_at) from release f where f.project = r.project and f.sha = r.sha))
  end as began_at
from release r
left join commit c
  on c.project = r.project and c.sha = r.sha and c.committed_at <= r.ended_at
left join lateral (
  select min(i.built_at) as at from image i where i.release = r.id and i.built_at <= r.ended_at
) built on true
left join lateral (
  select min(b.ended_at) as ended_at from release b
  where b.replaces = r.id and b.kind = 'rollback' and b.state = 'succeeded'
) back on true
where r.kind <> 'rollback' and r.state in ('succeeded', 'rolled_back', 'rollback_failed');
