"""Releases, their steps, gate runs and replays; rows of the platform, not of a tenant (spec D21, D89, D90, O31, W57).

They have no tenant column; row security shows them to sessions of the platform's own tenant alone. Evidence is
inserted by bidproof_measure and by nobody else, and nothing of it is ever changed.
"""

from shared.adapters.postgres.migrations.ddl import READ_WRITE, drop, run

revision, down_revision = "0018", "0017"
branch_labels = depends_on = None

PLATFORM = "ten_000000000000000000p1atf0rm"
OLD = "'ingest_document','evaluate_bid','resume_evaluation','export','batch'"
TYPES = "alter table jobs drop constraint jobs_job_type_check, add constraint jobs_job_type_check check (job_type in "
ROLES = "'admin','agent','evaluator','viewer','auditor','service'"
GRANTS = "alter table role_grants drop constraint role_grants_role_check, add constraint role_grants_role_check check "
MADE = """created_at timestamptz not null default clock_timestamp(),
  created_by text not null default coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')"""
CHANGED = f"""{MADE}, updated_at timestamptz not null default clock_timestamp(),
  updated_by text not null default coalesce(nullif(current_setting('app.actor_id', true), ''), 'system'),
  row_version bigint not null default 1"""
TABLES = f"""
create table dataset_versions (
  dataset_version text primary key, {MADE}, checksum text not null, frozen_at timestamptz);
create table dataset_samples (
  dataset_version text not null references dataset_versions, sample_no int not null, {MADE}, sample jsonb not null,
  primary key (dataset_version, sample_no));
create table gate_runs (
  gate_run_id text primary key collate "C", {MADE},
  gate text not null check (gate in
    ('quality','performance','security','cost','replay','rollout','rollback_drill','operations')),
  dataset_version text not null references dataset_versions, dataset_checksum text not null, commit_sha text not null,
  machine text not null, configuration jsonb not null, estimators text[] not null, planned_samples int not null,
  samples int not null, raw_key text not null, raw_hash text not null, metrics jsonb not null,
  passed boolean not null, failed_codes text[] not null,
  check (passed = (cardinality(failed_codes) = 0)));
create table releases (
  release_id text primary key collate "C", {CHANGED}, version text not null unique, commit_sha text not null,
  dataset_version text not null references dataset_versions,
  change_class text not null check (change_class in ('C1','C2','C3')),
  candidate jsonb not null, baseline jsonb not null, evidence jsonb not null,
  alarms text[] not null check (cardinality(alarms) > 0), tenant_allow_list text[] not null, sizes text[] not null,
  approvers text[] not null, status text not null check (status in
    ('draft','gating','release_ready','release_blocked','canary','baking','closed','rolling_back','replay_verifying',
     'rolled_back','rollback_failed','superseded')),
  job_id text, weight int not null default 0 check (weight in (0,10,30,100)),
  wanted int not null default 0 check (wanted in (0,10,30,100)), weight_since timestamptz, clean_since timestamptz,
  breaches int not null default 0, observed text not null default '', verdict text not null default 'wait',
  failed_checks jsonb not null default '[]', alarm_at timestamptz, rollback_reason text, rollback_by text,
  rollback_no int not null default 0, first_action_at timestamptz, verified_at timestamptz);
create unique index releases_one_at_a_time on releases ((true)) where status in
  ('gating','release_ready','canary','baking','rolling_back','replay_verifying');
create table release_steps (
  release_id text not null references releases, step_no int not null, {CHANGED},
  kind text not null check (kind in ('shift','roll_back','replay')), part text, rollback_no int not null default 0,
  weight int, started_at timestamptz not null default clock_timestamp(), ended_at timestamptz, verified boolean,
  healthy boolean, breaches int not null default 0, details jsonb not null default '{{}}',
  primary key (release_id, step_no));
create unique index release_steps_once on release_steps (release_id, rollback_no, part) where kind = 'roll_back';
create table release_replays (
  release_id text not null references releases, rollback_no int not null, {CHANGED}, run_id text not null,
  token_ciphertext bytea not null, due_at timestamptz not null,
  status text not null check (status in ('open','passed','failed')), differences jsonb not null default '[]',
  primary key (release_id, rollback_no));
create table replay_cases (
  release_id text not null, rollback_no int not null, baseline_id text not null, {MADE}, evaluation_id text not null,
  primary key (release_id, rollback_no, baseline_id), foreign key (release_id, rollback_no) references release_replays);
create table live_configurations (
  part text primary key check (part in ('model_configuration','retrieval_parameters')), {CHANGED},
  version text not null, candidate text, weight int not null default 0,
  check ((candidate is null) = (weight = 0)));
create table work_switch (
  is_the_one boolean primary key default true check (is_the_one), {CHANGED},
  is_closed boolean not null default false, reason text);
insert into work_switch default values;
"""
RIGHTS = {
    "dataset_versions": "select",
    "dataset_samples": "select",
    "gate_runs": "select",
    "releases": READ_WRITE,
    "release_steps": READ_WRITE,
    "release_replays": READ_WRITE,
    "replay_cases": "select, insert",
    "live_configurations": READ_WRITE,
    "work_switch": "select, update",
}
MEASURED = ("dataset_versions", "dataset_samples", "gate_runs")
ALL_SEE = ("live_configurations", "work_switch")  # what every tenant's work is steered by


def upgrade() -> None:
    """Create the tables, the platform's tenant, the job type and the role of platform administrators."""
    run("""do $$ begin
      if not exists (select from pg_roles where rolname = 'bidproof_measure') then
        raise exception 'the login bidproof_measure is missing: provision first'; end if;
      execute format('grant usage on schema %I to bidproof_measure', current_schema());
    end $$;""")
    run(TABLES)
    mine = f"current_setting('app.tenant_id', true) = '{PLATFORM}'"
    for table, rights in RIGHTS.items():
        run(f"""alter table {table} enable row level security; alter table {table} force row level security;
        create policy platform_only on {table} using ({mine}) with check ({mine});
        grant {rights} on {table} to bidproof_app;""")
    for table in ALL_SEE:
        run(f"create policy everybody_reads on {table} for select to bidproof_app using (true);")
    for table in MEASURED:
        run(f"""create policy measured on {table} to bidproof_measure using (true) with check (true);
        grant select, insert on {table} to bidproof_measure;""")
    run(f"{TYPES}({OLD},'roll_out_release'))")
    run(f"{GRANTS}(role in ({ROLES}) or (role = 'platform_admin' and tenant_id = '{PLATFORM}'))")
    run(f"""select set_config('app.tenant_id', '{PLATFORM}', true);
    insert into tenants (tenant_id, code, name, status, tier)
      values ('{PLATFORM}', 'bidproof-platform', 'Bidproof', 'active', 'enterprise') on conflict do nothing;
    select set_config('app.tenant_id', '', true);""")


def downgrade() -> None:
    """Drop them; fails while jobs or grants of the new kinds exist, which no older code could serve."""
    run(f"{GRANTS}(role in ({ROLES}))")
    run(f"{TYPES}({OLD}))")
    drop(*reversed(RIGHTS))
    run("revoke usage on schema public from bidproof_measure;")
