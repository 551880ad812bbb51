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
create table circuit_breakers (
  name text primary key, failures int not null default 0, window_started_at timestamptz,
  opened_at timestamptz, probing_until timestamptz, updated_at timestamptz not null default clock_timestamp());
grant select, insert, update on circuit_breakers to bidproof_app;
"""


def upgrade() -> None:
    """Create them; breakers are the platform's and hold no tenant content."""
    run(WEBHOOKS)
    protect({"webhook_endpoints": READ_WRITE, "webhook_deliveries": READ_WRITE})


def downgrade() -> None:
    """Drop them."""
    drop("circuit_breakers", "webhook_deliveries", "webhook_endpoints")
