"""Generations of a tenant's index: built beside the searched one, kept for a week, then dropped (spec D53, R57)."""

from shared.adapters.postgres.migrations.ddl import run

revision, down_revision = "0019", "0018"
branch_labels = depends_on = None

STATES = """
alter table index_generations
  drop constraint index_generations_state_check,
  add constraint index_generations_state_check check (state in ('building','active','kept','retired')),
  add column checked_to text collate "C" not null default '',
  add column kept_until timestamptz,
  add column dropped_at timestamptz,
  add column updated_at timestamptz not null default clock_timestamp(),
  add constraint kept_until_a_day check ((state = 'kept') = (kept_until is not null));
create unique index one_generation_is_searched on index_generations (tenant_id) where state = 'active';
create unique index one_generation_is_built on index_generations (tenant_id) where state = 'building';
create index index_writes_of_document on index_writes (tenant_id, document_id, index_generation);
create policy sweep_sees_all on index_generations for select to bidproof_sweep using (true);
grant select (tenant_id, index_generation, state, kept_until, dropped_at, updated_at)
  on index_generations to bidproof_sweep;
"""
# one tenant and project stay together, so that an exact search reads neighbours
VECTORS = """
alter table chunk_vectors
  add column index_generation bigint not null default 1,
  drop constraint chunk_vectors_pkey,
  add primary key (tenant_id, project_id, index_generation, document_id, chunk_id, embedding_profile_id);
"""
BACK = """
alter table index_generations no force row level security;
alter table index_writes no force row level security;
alter table chunk_vectors no force row level security;
delete from chunk_vectors v where not exists (select from index_generations g where g.tenant_id = v.tenant_id
  and g.index_generation = v.index_generation and g.state = 'active') and v.index_generation <> 1;
delete from chunk_vectors v where v.index_generation = 1 and exists (select from chunk_vectors w
  where (w.tenant_id, w.project_id, w.document_id, w.chunk_id, w.embedding_profile_id)
    = (v.tenant_id, v.project_id, v.document_id, v.chunk_id, v.embedding_profile_id) and w.index_generation <> 1);
alter table chunk_vectors drop constraint chunk_vectors_pkey,
  add primary key (tenant_id, project_id, document_id, chunk_id, embedding_profile_id),
  drop column index_generation;
drop policy sweep_sees_all on index_generations;
revoke all on index_generations from bidproof_sweep;
drop index one_generation_is_searched;
drop index one_generation_is_built;
drop index index_writes_of_document;
alter table index_generations drop constraint kept_until_a_day, drop constraint index_generations_state_check;
update index_generations set state = 'retired' where state <> 'active';
alter table index_generations
  add constraint index_generations_state_check check (state in ('active','retired')),
  drop column checked_to, drop column kept_until, drop column dropped_at, drop column updated_at;
alter table index_generations force row level security;
alter table index_writes force row level security;
alter table chunk_vectors force row level security;
"""


def upgrade() -> None:
    """One generation is searched and at most one is built; vectors belong to a generation."""
    run(STATES)
    run(VECTORS)


def downgrade() -> None:
    """Only the searched generation stays."""
    run(BACK)
