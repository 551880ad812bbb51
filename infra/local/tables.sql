-- What Step Functions, SQS and the scheduler keep on AWS: rows of this schema, owned by bidproof_platform.
create table if not exists local_platform.executions (
  execution_id text primary key, machine text not null, name text not null, definition jsonb not null,
  input jsonb not null, status text not null default 'RUNNING'
    check (status in ('RUNNING','SUCCEEDED','FAILED','TIMED_OUT','ABORTED')),
  output jsonb, error text, cause text, deadline timestamptz,
  started_at timestamptz not null default clock_timestamp(), ended_at timestamptz,
  unique (machine, name));

-- A frame is one line of an execution: the root or one item of a Map. phase says what it waits for:
-- enter (due now), wait (Wait state), retry (before the next attempt), token (callback), children (items of its Map).
create table if not exists local_platform.frames (
  frame_id bigint generated always as identity primary key,
  execution_id text not null references local_platform.executions on delete cascade,
  parent_id bigint references local_platform.frames on delete cascade, item_index int, item_value jsonb,
  scope text[] not null default '{}', state text not null, phase text not null default 'enter'
    check (phase in ('enter','wait','retry','token','children','done','failed')),
  data jsonb not null, entered_at timestamptz, attempts jsonb not null default '{}', retry_count int not null default 0,
  due_at timestamptz, token text unique, timeout_at timestamptz, heartbeat_seconds double precision,
  answer jsonb, output jsonb,
  unique (parent_id, item_index));
create index if not exists frames_due on local_platform.frames (due_at) where due_at is not null;
create index if not exists frames_of_execution on local_platform.frames (execution_id);
create index if not exists executions_deadline on local_platform.executions (deadline) where status = 'RUNNING';

create table if not exists local_platform.messages (
  message_id bigint generated always as identity primary key, queue text not null, body jsonb not null,
  available_at timestamptz not null default clock_timestamp(), receive_count int not null default 0,
  dead boolean not null default false, last_error text, sent_at timestamptz not null default clock_timestamp());
create index if not exists messages_available on local_platform.messages (queue, available_at) where not dead;

create table if not exists local_platform.schedules (
  name text primary key, function text not null, every_seconds double precision not null,
  due_at timestamptz not null default clock_timestamp(), last_error text);

create or replace function local_platform.nudge_relay() returns trigger language plpgsql as $$
begin
  perform pg_notify('bidproof_outbox', '');
  return null;
end $$;
