"""Roles, tenants and people.

The role that runs the migrations owns everything; bidproof_app owns nothing; bidproof_relay and
bidproof_dispatch see the scheduling columns of all tenants and no content (spec S62).
"""

from shared.adapters.postgres.migrations.ddl import READ_WRITE, drop, protect, run

revision, down_revision = "0001", None
branch_labels = depends_on = None


def upgrade() -> None:
    """Create the roles when they are missing, then tenants, users and grants."""
    run("""
    do $$ begin
      if not exists (select from pg_roles where rolname = 'bidproof_app') then create role bidproof_app; end if;
      if not exists (select from pg_roles where rolname = 'bidproof_relay') then create role bidproof_relay; end if;
      if not exists (select from pg_roles where rolname = 'bidproof_dispatch') then
        create role bidproof_dispatch; end if;
    end $$;
    create extension if not exists vector;
    do $$ begin
      execute format('grant usage on schema %I to bidproof_app, bidproof_relay, bidproof_dispatch', current_schema());
    end $$;
    create table tenants (
      {MUTABLE}, code text not null unique, name text not null,
      status text not null check (status in ('trial','active','suspended','expired','deleted')),
      tier text not null check (tier in ('free','basic','pro','enterprise')),
      settings jsonb not null default '{"schema_version": 1}',
      primary key (tenant_id));
    create table users (
      user_id text not null collate "C", {MUTABLE}, issuer text not null, subject text not null,
      email text not null, display_name text not null, locale text not null check (locale in ('zh','en')),
      is_active boolean not null default true,
      primary key (tenant_id, user_id), unique (tenant_id, issuer, subject),
      foreign key (tenant_id) references tenants);
    create table role_grants (
      grant_id text not null collate "C", {BASE}, principal_id text not null,
      role text not null check (role in ('admin','agent','evaluator','viewer','auditor','service')),
      scope text not null check (scope in ('tenant','project')), project_id text, revoked_at timestamptz,
      check ((scope = 'project') = (project_id is not null)),
      primary key (tenant_id, grant_id),
      foreign key (tenant_id, principal_id) references users (tenant_id, user_id));
    create unique index role_grants_live on role_grants
      (tenant_id, principal_id, role, scope, coalesce(project_id, '')) where revoked_at is null;
    """)
    protect({"tenants": "select", "users": READ_WRITE, "role_grants": READ_WRITE})
    run("""
    create policy dispatch_reads_tiers on tenants for select to bidproof_dispatch using (true);
    grant select (tenant_id, tier, status) on tenants to bidproof_dispatch;""")


def downgrade() -> None:
    """Drop the tables; the roles stay, other databases of the server may use them."""
    drop("role_grants", "users", "tenants")
