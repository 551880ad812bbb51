"""Evaluations, evidence, verdicts, reviews, waits, reports and graph checkpoints (spec D54-D68, D78)."""

from shared.adapters.postgres.migrations.ddl import APPEND_ONLY, FULL, READ_WRITE, drop, protect, run

revision, down_revision = "0005", "0004"
branch_labels = depends_on = None

EVALUATIONS = """
create table evaluations (
  evaluation_id text not null collate "C", {MUTABLE}, project_id text not null, supplier_id text not null,
  bid_id text not null, lot_id text, rule_pack_id text not null, rule_pack_version int not null,
  status text not null check (status in ('queued','evaluating','needs_manual_decision','parked','approved',
    'rejected','report_generated','published','archived','failed','canceled')),
  stage text not null, plan_id text not null, rerun_of text, rerun_no int not null default 0,
  forced_review boolean not null default false, total_score numeric(9,3), max_total numeric(9,3),
  score_low numeric(9,3), score_high numeric(9,3), confidence numeric(5,4), citation_coverage numeric(5,4),
  score_deviation_pct numeric(9,3), risk_level text check (risk_level in ('low','medium','high')),
  needs_human_review boolean not null default false, review_reasons jsonb not null default '[]',
  report_version int, error_code text, job_id text,
  primary key (tenant_id, evaluation_id),
  foreign key (tenant_id, project_id) references projects, foreign key (tenant_id, supplier_id) references suppliers,
  foreign key (tenant_id, bid_id) references bids,
  foreign key (tenant_id, rule_pack_id, rule_pack_version) references rule_pack_versions,
  foreign key (tenant_id, job_id) references jobs);
create unique index evaluations_plan on evaluations (tenant_id, plan_id, rerun_no) where status <> 'canceled';
create table evaluation_snapshots (
  evaluation_id text not null, {BASE}, payload jsonb not null, snapshot_hash text not null,
  primary key (tenant_id, evaluation_id), foreign key (tenant_id, evaluation_id) references evaluations);
create table evaluation_documents (
  evaluation_id text not null, document_id text not null, {BASE}, parse_run_id text not null,
  content_hash text not null, primary key (tenant_id, evaluation_id, document_id),
  foreign key (tenant_id, evaluation_id) references evaluations,
  foreign key (tenant_id, document_id) references documents,
  foreign key (tenant_id, parse_run_id) references parse_runs);
create table search_logs (
  search_log_id text not null collate "C", {BASE}, project_id text not null, supplier_id text, evaluation_id text,
  criterion_id text, purpose text not null, variants jsonb not null, coverage jsonb not null,
  degraded boolean not null, degrade_reasons text[] not null default '{}', best_rejected jsonb,
  duration_ms int not null, primary key (tenant_id, search_log_id));
create table evidence_packs (
  pack_id text not null collate "C", {BASE}, evaluation_id text not null, criterion_id text not null,
  items jsonb not null, token_count int not null, sufficient boolean not null, index_generation bigint not null,
  config_version text not null, pack_hash text not null, search_log_id text not null,
  primary key (tenant_id, pack_id), foreign key (tenant_id, evaluation_id) references evaluations,
  foreign key (tenant_id, criterion_id) references criteria,
  foreign key (tenant_id, search_log_id) references search_logs);
create table criterion_runs (
  evaluation_id text not null, criterion_id text not null, {MUTABLE}, group_no int not null, ordinal int not null,
  thread_id text not null, input_hash text,
  status text not null check (status in ('pending','running','interrupted','completed','parked','skipped')),
  interrupt_id text, primary key (tenant_id, evaluation_id, criterion_id),
  foreign key (tenant_id, evaluation_id) references evaluations,
  foreign key (tenant_id, criterion_id) references criteria);
"""
VERDICTS = """
create table verdicts (
  verdict_id text not null collate "C", {BASE}, evaluation_id text not null, criterion_id text not null,
  revision int not null check (revision >= 1),
  source text not null check (source in ('rule','formula','model','person')),
  outcome text not null check (outcome in ('pass','partial','fail','not_found','needs_human')),
  score_state text not null check (score_state in ('scored','insufficient_evidence','pending_cohort','not_applicable')),
  score numeric(9,3), max_score numeric(9,3) not null, weight numeric(9,6) not null, reason text not null,
  reason_data jsonb not null default '{"schema_version": 1}', claims jsonb not null, unsupported_claims jsonb not null,
  confidence numeric(5,4), confidence_parts jsonb, review_reasons jsonb not null default '[]', pack_id text,
  search_log_id text, decision_id text, versions jsonb not null, input_hash text not null,
  expert_only boolean not null default false, supersedes text,
  check ((score is not null) = (score_state = 'scored')),
  check (outcome not in ('not_found','needs_human') or score is null or source = 'person'),
  check (score is null or (score >= 0 and score <= max_score)),
  primary key (tenant_id, verdict_id), unique (tenant_id, evaluation_id, criterion_id, revision),
  foreign key (tenant_id, evaluation_id, criterion_id) references criterion_runs,
  foreign key (tenant_id, pack_id) references evidence_packs,
  foreign key (tenant_id, search_log_id) references search_logs);
create index verdicts_current on verdicts (tenant_id, evaluation_id, criterion_id, revision desc);
create table citations (
  citation_id text not null collate "C", {BASE}, verdict_id text not null, claim_no int not null,
  parse_run_id text not null, chunk_id text not null, document_id text not null, page_no int not null,
  x0 numeric(9,2) not null, y0 numeric(9,2) not null, x1 numeric(9,2) not null, y1 numeric(9,2) not null,
  boxes jsonb not null, char_start int not null, char_end int not null, locator text, quote text not null,
  quote_hash text not null, is_primary boolean not null, match text not null check (match in ('exact','normalised')),
  check (x0 < x1 and y0 < y1 and char_start < char_end),
  primary key (tenant_id, citation_id),
  foreign key (tenant_id, verdict_id) references verdicts deferrable initially deferred,
  foreign key (tenant_id, parse_run_id, chunk_id) references chunks);
create index citations_of_verdict on citations (tenant_id, verdict_id);
create function verdict_needs_evidence() returns trigger language plpgsql as $$
begin
  if (new.outcome in ('pass','fail','partial') or new.score is not null) and not new.expert_only and not exists (
      select from citations c where c.tenant_id = new.tenant_id and c.verdict_id = new.verdict_id) then
    raise exception 'VERDICT_WITHOUT_EVIDENCE' using errcode = 'BP002';
  end if;
  return null;
end $$;
create constraint trigger verdict_evidence after insert on verdicts deferrable initially deferred
  for each row execute function verdict_needs_evidence();
create function citation_quotes_its_chunk() returns trigger language plpgsql as $$
begin
  if new.quote is distinct from (select substr(text, new.char_start + 1, new.char_end - new.char_start) from chunks
      where tenant_id = new.tenant_id and parse_run_id = new.parse_run_id and chunk_id = new.chunk_id) then
    raise exception 'CITATION_QUOTE_MISMATCH' using errcode = 'BP003';
  end if;
  return new;
end $$;
create trigger citation_quote before insert on citations for each row execute function citation_quotes_its_chunk();
"""
REVIEWS = """
create table reviews (
  review_id text not null collate "C", {MUTABLE}, evaluation_id text not null, project_id text not null,
  round int not null default 1, mode text not null default 'single' check (mode in ('single','panel')),
  status text not null check (status in ('open','claimed','submitted','applied','expired','canceled')),
  reasons jsonb not null, due_at timestamptz not null, claimed_by text, claim_expires_at timestamptz,
  resume_token_hash text, resume_token_expires_at timestamptz,
  decision text check (decision in ('approve','reject','edit_scores')), comment text,
  edits jsonb not null default '[]', submitted_by text, submitted_at timestamptz,
  primary key (tenant_id, review_id), foreign key (tenant_id, evaluation_id) references evaluations);
create unique index reviews_live on reviews (tenant_id, evaluation_id) where status in ('open','claimed','submitted');
create index reviews_due on reviews (tenant_id, status, due_at);
create table review_items (
  item_id text not null collate "C", {BASE}, review_id text not null, criterion_id text, verdict_id text,
  thread_id text, interrupt_id text, reason_code text not null, reasons jsonb not null,
  primary key (tenant_id, item_id), foreign key (tenant_id, review_id) references reviews,
  foreign key (tenant_id, verdict_id) references verdicts);
create table review_decisions (
  decision_id text not null collate "C", {BASE}, review_id text not null, item_id text, criterion_id text not null,
  reviewer_id text not null, round text not null default 'single' check (round in ('single','blind','moderation')),
  action text not null check (action in ('accept','edit','reject')), score numeric(9,3), outcome text,
  comment text not null, citations jsonb not null default '[]',
  primary key (tenant_id, decision_id), foreign key (tenant_id, review_id) references reviews,
  foreign key (tenant_id, item_id) references review_items);
create table waits (
  wait_id text not null collate "C", {MUTABLE}, kind text not null check (kind in ('review')), subject_id text not null,
  run_id text not null, state_name text not null, token_ciphertext bytea not null, key_version int not null,
  status text not null check (status in ('open','delivered','expired','canceled','orphaned')),
  due_at timestamptz not null, delivered_at timestamptz, primary key (tenant_id, wait_id),
  unique (tenant_id, run_id, state_name), foreign key (tenant_id, run_id) references runs);
create index waits_open on waits (due_at) where status = 'open';
create table reports (
  report_id text not null collate "C", {BASE}, evaluation_id text not null, version int not null,
  kind text not null check (kind in ('suggestion','reviewed')), object_key text not null, object_version text,
  sha256 text not null, size_bytes bigint not null, pdf_key text not null, pdf_sha256 text not null,
  locked_until timestamptz, approved_by text, approved_at timestamptz, supersedes text,
  primary key (tenant_id, report_id), unique (tenant_id, evaluation_id, version),
  foreign key (tenant_id, evaluation_id) references evaluations);
"""
CHECKPOINTS = """
create table checkpoint_migrations (v integer primary key);
create table checkpoints (
  {TENANT}, thread_id text not null, checkpoint_ns text not null default '', checkpoint_id text not null,
  parent_checkpoint_id text, type text, checkpoint jsonb not null, metadata jsonb not null default '{}',
  primary key (thread_id, checkpoint_ns, checkpoint_id));
create table checkpoint_blobs (
  {TENANT}, thread_id text not null, checkpoint_ns text not null default '', channel text not null,
  version text not null, type text not null, blob bytea,
  primary key (thread_id, checkpoint_ns, channel, version));
create table checkpoint_writes (
  {TENANT}, thread_id text not null, checkpoint_ns text not null default '', checkpoint_id text not null,
  task_id text not null, idx integer not null, channel text not null, type text, blob bytea not null,
  task_path text not null default '', primary key (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
create index checkpoints_thread on checkpoints (thread_id);
create index checkpoint_blobs_thread on checkpoint_blobs (thread_id);
create index checkpoint_writes_thread on checkpoint_writes (thread_id);
grant select on checkpoint_migrations to bidproof_app;
"""


def upgrade() -> None:
    """Create the evaluation side; verdicts without evidence and altered quotes are refused by the database."""
    for part in (EVALUATIONS, VERDICTS, REVIEWS, CHECKPOINTS):
        run(part)
    protect(
        {
            "evaluations": READ_WRITE,
            "evaluation_snapshots": APPEND_ONLY,
            "evaluation_documents": APPEND_ONLY,
            "search_logs": APPEND_ONLY,
            "evidence_packs": APPEND_ONLY,
            "criterion_runs": READ_WRITE,
            "verdicts": APPEND_ONLY,
            "citations": APPEND_ONLY,
            "reviews": READ_WRITE,
            "review_items": APPEND_ONLY,
            "review_decisions": APPEND_ONLY,
            "waits": READ_WRITE,
            "reports": APPEND_ONLY,
            "checkpoints": FULL,
            "checkpoint_blobs": FULL,
            "checkpoint_writes": FULL,
        }
    )


def downgrade() -> None:
    """Drop all of it."""
    drop(
        "checkpoint_writes",
        "checkpoint_blobs",
        "checkpoints",
        "checkpoint_migrations",
        "reports",
        "waits",
        "review_decisions",
        "review_items",
        "reviews",
        "citations",
        "verdicts",
        "criterion_runs",
        "evidence_packs",
        "search_logs",
        "evaluation_documents",
        "evaluation_snapshots",
        "evaluations",
    )
    run("drop function if exists verdict_needs_evidence(); drop function if exists citation_quotes_its_chunk();")
