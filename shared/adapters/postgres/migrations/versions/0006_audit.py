"""The audit chain: rows go in through two functions of the owner and in no other way (spec 07 section 7)."""

from shared.adapters.postgres.migrations.ddl import drop, protect, run

revision, down_revision = "0006", "0005"
branch_labels = depends_on = None

CHAIN = """
create table audit_heads (
  {TENANT}, last_seq bigint not null default 0, last_hash text not null, primary key (tenant_id));
create table audit_log (
  {TENANT}, seq bigint not null, audit_id text not null, occurred_at timestamptz not null, entry jsonb not null,
  actor_id text not null, action text not null, resource_type text not null, resource_id text not null,
  result text not null check (result in ('done','denied','failed')), trace_id text not null,
  prev_hash text not null, entry_hash text not null, key_version int not null, primary key (tenant_id, seq));
create function audit_lock_head() returns table (seq bigint, hash text)
language plpgsql security definer set search_path from current as $$
declare t text := nullif(current_setting('app.tenant_id', true), '');
begin
  if t is null then raise exception 'TENANT_SCOPE_VIOLATION' using errcode = 'BP004'; end if;
  insert into audit_heads (tenant_id, last_hash)
    values (t, encode(sha256(convert_to('bidproof-audit-v1|' || t, 'UTF8')), 'hex')) on conflict do nothing;
  return query select h.last_seq, h.last_hash from audit_heads h where h.tenant_id = t for update;
end $$;
create function audit_append(p_seq bigint, p_entry jsonb, p_prev text, p_hash text) returns void
language plpgsql security definer set search_path from current as $$
declare t text := nullif(current_setting('app.tenant_id', true), '');
begin
  update audit_heads set last_seq = p_seq, last_hash = p_hash
    where tenant_id = t and last_seq = p_seq - 1 and last_hash = p_prev;
  if not found then raise exception 'AUDIT_APPEND_FAILED' using errcode = 'BP005'; end if;
  insert into audit_log (tenant_id, seq, audit_id, occurred_at, entry, actor_id, action, resource_type, resource_id,
      result, trace_id, prev_hash, entry_hash, key_version)
    values (t, p_seq, p_entry->>'audit_id', (p_entry->>'occurred_at')::timestamptz, p_entry, p_entry->>'actor_id',
      p_entry->>'action', p_entry->>'resource_type', p_entry->>'resource_id', p_entry->>'result',
      p_entry->>'trace_id', p_prev, p_hash, (p_entry->>'key_version')::int);
end $$;
"""


def upgrade() -> None:
    """Create log, heads and the two functions; the application may read and call, nothing else."""
    run(CHAIN)
    protect({"audit_heads": "select", "audit_log": "select"})
    run("""
    revoke all on function audit_lock_head(), audit_append(bigint, jsonb, text, text) from public;
    grant execute on function audit_lock_head(), audit_append(bigint, jsonb, text, text) to bidproof_app;""")


def downgrade() -> None:
    """Drop chain and functions."""
    run("""drop function if exists audit_append(bigint, jsonb, text, text);
        drop function if exists audit_lock_head();""")
    drop("audit_log", "audit_heads")
