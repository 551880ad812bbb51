-- What Step Functions, SQS and the scheduler keep on AWS: rows of this schema, owned by bidproof_platform.
-- Payloads are json, not jsonb: they come back byte for byte as a wire would bring them.
create table if not exists local_platform.definitions (
  definition_hash text primary key, definition json not null);

create table if not exists local_platform.executions (
  execution_id text primary key, machine text not null, name text not null,
  definition_hash text not null references local_platform.definitions, input json not null,
  status text not null default 'RUNNING' check (status in ('RUNNING','SUCCEEDED','FAILED','TIMED_OUT','ABORTED')),
  output json, error text, cause text, deadline timestamptz,
  started_at timestamptz not null default clock_timestamp(), ended_at timestamptz);
create index if not exists executions_deadline on local_platform.executions (deadline) where status = 'RUNNING';

-- A frame is one line of an execution: the root, or one item of a Map. `phase` says what it does next:
-- enter (run its state), retry (run it again), wait (leave a Wait), invoke (call the function behind a token),
-- token (take the answer or time out), children (gather its Map), pending (item beyond the Map's concurrency), done.
-- `due_at` says when; without it something else has to happen first. `maps` counts the Map attempts a line has begun,
-- `round` is the attempt an item belongs to: an item works only while its parent gathers that one and has no answer.
-- parent_id is no foreign key: deleting a line must never wait for an item that a worker holds.
create table if not exists local_platform.frames (
  frame_id bigint generated always as identity primary key,
  execution_id text not null references local_platform.executions on delete cascade,
  parent_id bigint, item_index int, item_value json,
  round int not null default 0, maps int not null default 0, state text not null,
  phase text not null check (phase in ('enter','retry','wait','invoke','token','children','pending','done')),
  data json not null, entered_at timestamptz not null default clock_timestamp(), attempts json not null default '{}',
  retry_count int not null default 0, token text, answer json, due_at timestamptz);
create index if not exists frames_due on local_platform.frames (due_at) where due_at is not null;
create index if not exists frames_of_execution on local_platform.frames (execution_id);
create index if not exists frames_of_parent on local_platform.frames (parent_id, item_index);

create table if not exists local_platform.tokens (
  token text primary key, frame_id bigint not null references local_platform.frames on delete cascade,
  timeout_at timestamptz not null, heartbeat_seconds double precision, heartbeat_at timestamptz, answer json);
create index if not exists tokens_of_frame on local_platform.tokens (frame_id);

create table if not exists local_platform.messages (
  message_id bigint generated always as identity primary key, queue text not null, body json not null,
  available_at timestamptz not null default clock_timestamp(), receive_count int not null default 0,
  dead boolean not null default false, last_error text, sent_at timestamptz not null default clock_timestamp());
-- the attribute that the sender gave; the bus gives none (S57)
alter table local_platform.messages add column if not exists tenant_id text;
create index if not exists messages_available on local_platform.messages (available_at) where not dead;

create table if not exists local_platform.schedules (
  function text primary key, every_seconds double precision not null,
  due_at timestamptz not null default clock_timestamp(), last_error text);

-- What aliases and alarms keep on AWS, for releases: nothing here chooses code by it (shared/adapters/local_deployments).
create table if not exists local_platform.aliases (
  alias text primary key, version text not null, candidate text, weight int not null default 0,
  changed_at timestamptz not null default clock_timestamp(), check ((candidate is null) = (weight = 0)));
create table if not exists local_platform.alarms (
  name text primary key, state text not null check (state in ('ok','alarm','unknown')),
  since timestamptz not null default clock_timestamp());
