"""Approvals by a second person, held by the database; dead letters remember who did what (spec D75, D82, S71)."""

from shared.adapters.postgres.migrations.ddl import APPEND_ONLY, READ_WRITE, drop, protect, run

revision, down_revision = "0008", "0007"
branch_labels = depends_on = None

APPROVALS = """
create table approvals (
  approval_id text not null collate "C", {MUTABLE}, action text not null, resource_type text not null,
  resource_id text not null, project_id text, subject jsonb not null, subject_hash text not null,
  requested_by text not null, author_id text, reason text not null,
  votes_needed int not null check (votes_needed between 1 and 3),
  status text not null check (status in ('requested','approved','rejected','expired','withdrawn','executed')),
  expires_at timestamptz not null, executed_at timestamptz,
  check ((status = 'executed') = (executed_at is not null)), primary key (tenant_id, approval_id));
create index approvals_open on approvals (expires_at) where status in ('requested','approved');
create table approval_votes (
  approval_id text not null, voter_id text not null, {BASE}, vote text not null check (vote in ('approve','reject')),
  reason text not null, jti text not null, primary key (tenant_id, approval_id, voter_id),
  foreign key (tenant_id, approval_id) references approvals);
create function voter_is_another_person() returns trigger
language plpgsql set search_path from current as $$
declare a approvals;
begin
  select * into a from approvals where tenant_id = new.tenant_id and approval_id = new.approval_id for update;
  if new.voter_id = a.requested_by or new.voter_id = coalesce(a.author_id, '')
      or new.voter_id is distinct from nullif(current_setting('app.actor_id', true), '') then
    raise exception 'APPROVAL_SELF_FORBIDDEN' using errcode = 'BP001'; end if;
  if a.status <> 'requested' then raise exception 'APPROVAL_STATE_CONFLICT' using errcode = 'BP001'; end if;
  if a.expires_at <= clock_timestamp() then raise exception 'APPROVAL_EXPIRED' using errcode = 'BP001'; end if;
  return new;
end $$;
create trigger voter_is_another_person before insert on approval_votes
  for each row execute function voter_is_another_person();
create function approval_begins_requested() returns trigger
language plpgsql set search_path from current as $$
begin
  if new.requested_by is distinct from nullif(current_setting('app.actor_id', true), '') then
    raise exception 'APPROVAL_SELF_FORBIDDEN' using errcode = 'BP001'; end if;
  if new.status <> 'requested' or new.expires_at > clock_timestamp() + interval '72 hours' then
    raise exception 'APPROVAL_STATE_CONFLICT' using errcode = 'BP001'; end if;
  return new;
end $$;
create trigger approval_begins_requested before insert on approvals
  for each row execute function approval_begins_requested();
create function approval_is_voted() returns trigger
language plpgsql set search_path from current as $$
declare yes int; no int;
begin
  if (new.action, new.resource_type, new.resource_id, new.subject, new.subject_hash, new.requested_by, new.author_id,
      new.votes_needed, new.expires_at) is distinct from (old.action, old.resource_type, old.resource_id, old.subject,
      old.subject_hash, old.requested_by, old.author_id, old.votes_needed, old.expires_at) then
    raise exception 'APPROVAL_SUBJECT_CHANGED' using errcode = 'BP001'; end if;
  if old.status in ('rejected','expired','withdrawn','executed') then
    raise exception 'APPROVAL_STATE_CONFLICT' using errcode = 'BP001'; end if;
  if old.status = 'approved' and new.status not in ('approved','executed','expired') then
    raise exception 'APPROVAL_STATE_CONFLICT' using errcode = 'BP001'; end if;
  select count(*) filter (where vote = 'approve'), count(*) filter (where vote = 'reject') into yes, no
    from approval_votes where tenant_id = new.tenant_id and approval_id = new.approval_id;
  if new.status in ('approved','executed') and (yes < new.votes_needed or no > 0) then
    raise exception 'APPROVAL_REQUIRED' using errcode = 'BP001'; end if;
  if new.status = 'executed' and (old.status <> 'approved' or new.expires_at <= clock_timestamp()) then
    raise exception 'APPROVAL_STATE_CONFLICT' using errcode = 'BP001'; end if;
  return new;
end $$;
create trigger approval_is_voted before update on approvals for each row execute function approval_is_voted();
create function replay_has_succeeded() returns trigger
language plpgsql set search_path from current as $$
begin
  update dlq_items set status = 'requeued', updated_at = clock_timestamp(), row_version = row_version + 1
    where tenant_id = new.tenant_id and event_id = new.event_id and consumer = new.consumer
      and status = 'open' and replay_count > 0;
  return null;
end $$;
create trigger replay_has_succeeded after insert on consumed_events
  for each row execute function replay_has_succeeded();
alter table dlq_items add column payload jsonb, add column replayed_by text, add column new_job_id text,
  add column approval_id text, add column reason text, add column project_id text;
alter table dlq_items add foreign key (tenant_id, approval_id) references approvals (tenant_id, approval_id);
alter table dlq_items add check (status <> 'discarded' or (approval_id is not null and reason is not null));
"""


def upgrade() -> None:
    """Create approvals and votes; a person who asked cannot vote, and only voted approvals can be executed."""
    run(APPROVALS)
    protect({"approvals": READ_WRITE, "approval_votes": APPEND_ONLY})


def downgrade() -> None:
    """Drop them and the columns."""
    run(
        """drop trigger if exists replay_has_succeeded on consumed_events;
        drop function if exists replay_has_succeeded();"""
    )
    run("""alter table dlq_items drop column if exists payload, drop column if exists replayed_by,
        drop column if exists new_job_id, drop column if exists approval_id, drop column if exists reason,
        drop column if exists project_id;""")
    drop("approval_votes", "approvals")
    for function in ("voter_is_another_person", "approval_begins_requested", "approval_is_voted"):
        run(f"drop function if exists {function}();")
