"""Uploads, documents, parse results, facts and the state of the search index (spec D44-D53)."""

from shared.adapters.postgres.migrations.ddl import APPEND_ONLY, FULL, READ_WRITE, drop, protect, run

revision, down_revision = "0003", "0002"
branch_labels = depends_on = None

UPLOADS = """
create table upload_sessions (
  upload_id text not null collate "C", {MUTABLE}, project_id text not null, supplier_id text,
  status text not null check (status in ('open','completing','completed','failed','aborted','expired')),
  file_count int not null, bundle_hash text, expires_at timestamptz not null, completed_at timestamptz,
  primary key (tenant_id, upload_id),
  foreign key (tenant_id, project_id) references projects,
  foreign key (tenant_id, supplier_id) references suppliers);
create table upload_files (
  file_id text not null collate "C", {MUTABLE}, upload_id text not null, ordinal int not null, filename text not null,
  role text not null check (role in ('primary','attachment')),
  doc_type text not null check (doc_type in ('tender','bid','attachment')),
  media_type text not null, size_bytes bigint not null, sha256 text not null,
  mode text not null check (mode in ('direct','multipart')), object_key text not null, multipart_id text,
  parts jsonb, document_id text,
  primary key (tenant_id, file_id), foreign key (tenant_id, upload_id) references upload_sessions);
create table content_blobs (
  sha256 text not null, {BASE}, object_key text not null, object_version text, size_bytes bigint not null,
  media_type text not null, verified_at timestamptz,
  scan text not null default 'pending' check (scan in ('pending','clean','infected')),
  primary key (tenant_id, sha256));
"""
DOCUMENTS = """
create table documents (
  document_id text not null collate "C", {SOFT}, project_id text not null, supplier_id text, bid_id text,
  upload_id text not null, parent_id text,
  doc_type text not null check (doc_type in ('tender','bid','attachment')),
  filename text not null, sha256 text not null, size_bytes bigint not null, media_type text not null,
  page_count int,
  status text not null check (status in ('uploaded','parse_queued','parsing','parsed','indexing','indexed',
    'parse_failed','index_failed','quarantined','deleted')),
  parse_run_id text, incomplete_pages int[] not null default '{}', error_code text, language text,
  primary key (tenant_id, document_id),
  foreign key (tenant_id, project_id) references projects,
  foreign key (tenant_id, supplier_id) references suppliers,
  foreign key (tenant_id, bid_id) references bids,
  foreign key (tenant_id, sha256) references content_blobs);
create table parse_runs (
  parse_run_id text not null collate "C", {MUTABLE}, document_id text not null, attempt int not null,
  router_version text not null, chunker_version text not null, config_hash text not null, manifest_key text,
  manifest jsonb not null default '{"schema_version": 1, "ranges": []}',
  status text not null check (status in ('running','succeeded','failed')),
  pages_expected int, pages_done int not null default 0, chunk_count int, error_code text,
  started_at timestamptz not null default clock_timestamp(), ended_at timestamptz,
  primary key (tenant_id, parse_run_id), unique (tenant_id, document_id, config_hash, attempt),
  foreign key (tenant_id, document_id) references documents);
create table document_pages (
  parse_run_id text not null, page_no int not null, {BASE}, width_pt numeric(9,2), height_pt numeric(9,2),
  kind text not null check (kind in ('physical','virtual')),
  route text not null check (route in ('text','layout','ocr','blank')), measured jsonb not null,
  range_no int not null, done_at timestamptz, readable boolean not null default true,
  primary key (tenant_id, parse_run_id, page_no),
  foreign key (tenant_id, parse_run_id) references parse_runs);
create table blocks (
  block_id text not null, {BASE}, parse_run_id text not null, page_no int not null, seq int not null,
  range_no int not null, type text not null, level int, heading_path text[] not null, text text not null,
  lang text not null, x0 numeric(9,2) not null, y0 numeric(9,2) not null, x1 numeric(9,2) not null,
  y1 numeric(9,2) not null, lines jsonb not null, cells jsonb, quality numeric(5,4) not null,
  route text not null, parser text not null, parser_version text not null, flags text[] not null default '{}',
  check (x0 < x1 and y0 < y1),
  primary key (tenant_id, parse_run_id, block_id),
  foreign key (tenant_id, parse_run_id) references parse_runs);
create index blocks_in_order on blocks (tenant_id, parse_run_id, page_no, seq);
"""
CHUNKS = """
create table chunks (
  chunk_id text not null, {BASE}, document_id text not null, parse_run_id text not null,
  project_id text not null, supplier_id text, doc_type text not null, ordinal int not null,
  chunk_type text not null check (chunk_type in ('text','table','list','image','formula')),
  text text not null, content_hash text not null, heading_path text[] not null, block_ids text[] not null,
  token_count int not null, overlap_chars int not null default 0, language text not null,
  quality numeric(5,4) not null,
  parser text not null, parser_version text not null, chunker_version text not null,
  primary key (tenant_id, parse_run_id, chunk_id),
  foreign key (tenant_id, parse_run_id) references parse_runs,
  foreign key (tenant_id, document_id) references documents);
create index chunks_of_document on chunks (tenant_id, document_id, ordinal);
create table chunk_positions (
  parse_run_id text not null, chunk_id text not null, ordinal int not null, {BASE}, page_no int not null,
  x0 numeric(9,2) not null, y0 numeric(9,2) not null, x1 numeric(9,2) not null, y1 numeric(9,2) not null,
  char_start int not null, char_end int not null, locator text,
  check (x0 < x1 and y0 < y1 and char_start < char_end),
  primary key (tenant_id, parse_run_id, chunk_id, ordinal),
  foreign key (tenant_id, parse_run_id, chunk_id) references chunks);
create table facts (
  fact_id text not null collate "C", {BASE}, document_id text not null, parse_run_id text not null,
  project_id text not null, supplier_id text, chunk_id text not null, page_no int not null,
  x0 numeric(9,2) not null, y0 numeric(9,2) not null, x1 numeric(9,2) not null, y1 numeric(9,2) not null,
  char_start int not null, char_end int not null, field text not null, value jsonb not null, unit text,
  currency text, raw_text text not null, extractor text not null, extractor_version text not null,
  confidence numeric(5,4) not null,
  state text not null check (state in ('extracted','confirmed','corrected','conflict')), corrects text,
  primary key (tenant_id, fact_id),
  foreign key (tenant_id, parse_run_id, chunk_id) references chunks);
create index facts_of_supplier on facts (tenant_id, project_id, supplier_id, field);
create table index_generations (
  index_generation bigint not null, {BASE}, embedding_profile_id text not null,
  state text not null check (state in ('active','retired')), primary key (tenant_id, index_generation));
create table index_writes (
  chunk_id text not null, parse_run_id text not null, index_generation bigint not null, {MUTABLE},
  document_id text not null, status text not null check (status in ('pending','acked','failed')), error_code text,
  primary key (tenant_id, parse_run_id, chunk_id, index_generation));
create table chunk_vectors (
  {TENANT}, project_id text not null, supplier_id text, document_id text not null, chunk_id text not null,
  doc_type text not null, embedding_profile_id text not null, content_hash text not null, vector vector(384) not null,
  primary key (tenant_id, project_id, document_id, chunk_id, embedding_profile_id));
create table embedding_cache (
  {TENANT}, embedding_profile_id text not null, content_hash text not null, vector vector(384) not null,
  primary key (tenant_id, embedding_profile_id, content_hash));
"""


def upgrade() -> None:
    """Create the document side; parse results are written once, vectors are derived and may go."""
    run(UPLOADS)
    run(DOCUMENTS)
    run(CHUNKS)
    protect(
        {
            "upload_sessions": READ_WRITE,
            "upload_files": READ_WRITE,
            "content_blobs": READ_WRITE,
            "documents": READ_WRITE,
            "parse_runs": READ_WRITE,
            "document_pages": READ_WRITE,
            "blocks": APPEND_ONLY,
            "chunks": APPEND_ONLY,
            "chunk_positions": APPEND_ONLY,
            "facts": APPEND_ONLY,
            "index_generations": READ_WRITE,
            "index_writes": READ_WRITE,
            "chunk_vectors": FULL,
            "embedding_cache": FULL,
        }
    )


def downgrade() -> None:
    """Drop all of it."""
    drop(
        "embedding_cache",
        "chunk_vectors",
        "index_writes",
        "index_generations",
        "facts",
        "chunk_positions",
        "chunks",
        "blocks",
        "document_pages",
        "parse_runs",
        "documents",
        "content_blobs",
        "upload_files",
        "upload_sessions",
    )
