"""Webhook endpoints and their deliveries; circuit breakers of outbound calls (spec D79, W26)."""

from shared.adapters.postgres.migrations.ddl import READ_WRITE, drop, protect, run

revision, down_revision = "0009", "0008"
branch_labels = depends_on = None

WEBHOOKS = """
create table webhook_endpoints (
  endpoint_id text not null collate "C", {SOFT}, url text not null, event_types text[] not null,
  secret_ciphertext bytea not null, previous_secret_ciphertext bytea, previous_until timestamptz,
  status text not null check (status in ('active','paused','disabled')), dead_in_a_row int not null default 0,
  primary key (tenant_id, endpoint_id));
create table webhook_deliveries (
  delivery_id text not null collate "C", {MUTABLE}, endpoint_id text not null, event_id text not null,
  event_type text not null, replay_of text, attempt int not null default 0,
  status text not null check (status in ('pending','delivered','retrying','dead')), http_status int, error_code text,
  next_at timestamptz, delivered_at timestamptz, primary key (tenant_id, delivery_id),
  foreign key (tenant_id, endpoint_id) references webhook_endpoints);
create unique index webhook_deliveries_once on webhook_deliveries (tenant_id, endpoint_id, event_id)
  where replay_of is null;
create index webhook_deliveries_due on webhook_deliveries (next_at) where status in ('pending','retrying');
create index webhook_deliveries_newest on webhook_deliveries (tenant_id, endpoint_id, delivery_id desc);
create table circuit_breakers (
  name text primary key, failed_at timestamptz[] not null default '{}',
  opened_at timestamptz, probing_until timestamptz, updated_at timestamptz not null default clock_timestamp());
grant select, insert, update on circuit_breakers to bidproof_app;
"""
# The sender looks over all tenants for what is due, by ids, states and times; everything else is read per tenant.
CLAIMS = """
do $$ begin
  if not exists (select from pg_roles where rolname = 'bidproof_sweep') then create role bidproof_sweep; end if;
  execute format('grant usage on schema %I to bidproof_sweep', current_schema());
end $$;
create policy sweep_claims on webhook_deliveries for update to bidproof_sweep using (true) with check (true);
grant select (endpoint_id, attempt), update (attempt, next_at) on webhook_deliveries to bidproof_sweep;
create policy sweep_sees_all on webhook_endpoints for select to bidproof_sweep using (true);
grant select (tenant_id, endpoint_id, status, deleted_at) on webhook_endpoints to bidproof_sweep;
"""


def upgrade() -> None:
    """Create them; breakers are the platform's and hold no tenant content."""
    run(WEBHOOKS)
    protect({"webhook_endpoints": READ_WRITE, "webhook_deliveries": READ_WRITE})
    run(CLAIMS)


def downgrade() -> None:
    """Drop them."""
    drop("circuit_breakers", "webhook_deliveries", "webhook_endpoints")
