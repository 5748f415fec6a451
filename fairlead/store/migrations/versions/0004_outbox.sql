-- What is to be told to whom, kept before it is sent: Slack or GitHub may be away for a while. It
-- takes the place of the table notice, which the code of before still writes.

create table outbox (
  id            bigint generated always as identity primary key,
  project       text not null,
  destination   text not null,                       -- slack:#releases, github:owner/name
  subject       text not null,                       -- the one thing that a message tells of
  kind          text not null check (kind in ('state', 'detail')),
  final         boolean not null,                    -- nothing follows: its subject is over
  body          jsonb not null,                      -- what is sent; secrets were blanked before
  written_at    timestamptz not null default now(),
  attempts      int not null default 0 check (attempts >= 0),
  next_try_at   timestamptz not null default now(),
  claimed_until timestamptz,                         -- somebody sends it until then, or died of it
  uncertain     boolean not null default false,      -- a try may have arrived, without an answer
  problem       text,
  outcome       text check (outcome in ('sent', 'superseded', 'given_up')),
  ended_at      timestamptz,
  constraint outbox_ended_with_outcome check ((outcome is null) = (ended_at is null)),
  constraint outbox_given_up_with_problem check (problem is not null or outcome <> 'given_up')
);

create index outbox_waiting on outbox (project, destination, id) where ended_at is null;
create index outbox_of on outbox (project, subject, id);

-- What a destination calls the message that tells of a subject, so that it is updated in place.
create table receipt (
  project     text not null,
  destination text not null,
  subject     text not null,
  reference   text not null,
  primary key (project, destination, subject)
);

insert into receipt (project, destination, subject, reference)
select release.project, 'slack:' || channel,
  coalesce(request, flow_run, 'release ' || release.id), message_id
from notice join release on release.id = notice.release
where message_id is not null
on conflict do nothing;
