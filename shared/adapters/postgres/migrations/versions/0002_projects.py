"""Projects, suppliers, bids and rule packs (spec D37-D42)."""

from shared.adapters.postgres.migrations.ddl import APPEND_ONLY, READ_WRITE, drop, protect, run

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None

RULE_PACKS = """
create table rule_packs (
  rule_pack_id text not null collate "C", {MUTABLE}, code text not null, name text not null,
  primary key (tenant_id, rule_pack_id), unique (tenant_id, code));
create table rule_pack_versions (
  rule_pack_id text not null, version int not null check (version >= 1), {MUTABLE},
  status text not null check (status in ('draft','in_review','active','retired')),
  payload jsonb not null, lint jsonb not null default '{"schema_version": 1, "findings": []}',
  content_hash text not null, activated_at timestamptz, activated_by text,
  panel_size int not null default 3 check (panel_size = 1 or panel_size between 3 and 7),
  primary key (tenant_id, rule_pack_id, version),
  foreign key (tenant_id, rule_pack_id) references rule_packs);
create table criteria (
  criterion_id text not null collate "C", {BASE}, rule_pack_id text not null, version int not null,
  code text not null, parent_id text,
  kind text not null check (kind in
    ('veto','numeric_limit','required_material','formula','evidenced','judged','group')),
  ordinal int not null, title jsonb not null, requirement text not null, mandatory boolean not null,
  max_score numeric(9,3) not null, weight numeric(9,6) not null, score_step numeric(9,3) not null,
  payload jsonb not null,
  primary key (tenant_id, criterion_id), unique (tenant_id, rule_pack_id, version, code),
  foreign key (tenant_id, rule_pack_id, version) references rule_pack_versions on delete cascade,
  foreign key (tenant_id, parent_id) references criteria (tenant_id, criterion_id));
create function refuse_locked_rule_pack() returns trigger language plpgsql as $$
begin
  if old.status <> 'draft' and (new.payload, new.content_hash, new.panel_size)
     is distinct from (old.payload, old.content_hash, old.panel_size) then
    raise exception 'RULE_PACK_LOCKED' using errcode = 'BP001';
  end if;
  return new;
end $$;
create trigger rule_pack_version_locked before update on rule_pack_versions
  for each row execute function refuse_locked_rule_pack();
"""
PROJECTS = """
create table projects (
  project_id text not null collate "C", {SOFT}, code text not null, name text not null,
  status text not null check (status in ('draft','open','closed','archived')),
  size text not null check (size in ('small','medium','large')), high_risk boolean not null default false,
  rule_pack_id text, rule_pack_version int, currency text not null check (currency ~ '^[A-Z]{3}$'),
  opens_at timestamptz, closes_at timestamptz, settings jsonb not null default '{"schema_version": 1}',
  primary key (tenant_id, project_id), unique (tenant_id, code),
  foreign key (tenant_id, rule_pack_id, rule_pack_version) references rule_pack_versions);
create table suppliers (
  supplier_id text not null collate "C", {SOFT}, code text not null, name text not null,
  qualification jsonb not null default '{"schema_version": 1}',
  risk_flags jsonb not null default '{"schema_version": 1}',
  primary key (tenant_id, supplier_id), unique (tenant_id, code));
create table bids (
  bid_id text not null collate "C", {MUTABLE}, project_id text not null, supplier_id text not null,
  status text not null check (status in ('invited','submitted','withdrawn','disqualified')),
  submitted_at timestamptz,
  primary key (tenant_id, bid_id), unique (tenant_id, project_id, supplier_id),
  foreign key (tenant_id, project_id) references projects,
  foreign key (tenant_id, supplier_id) references suppliers);
"""


def upgrade() -> None:
    """Create the tables of the tender side; an approved rule pack version never changes."""
    run(RULE_PACKS)
    run(PROJECTS)
    protect(
        {
            "rule_packs": READ_WRITE,
            "rule_pack_versions": READ_WRITE,
            "criteria": APPEND_ONLY + ", delete",
            "projects": READ_WRITE,
            "suppliers": READ_WRITE,
            "bids": READ_WRITE,
        }
    )


def downgrade() -> None:
    """Drop the tables and the lock of rule pack versions."""
    drop("bids", "suppliers", "projects", "criteria", "rule_pack_versions", "rule_packs")
    run("drop function if exists refuse_locked_rule_pack();")
