"""What became of each file of an archive: a document, a refusal, or nothing of interest (spec D47, W29, P7)."""

from shared.adapters.postgres.migrations.ddl import APPEND_ONLY, drop, protect, run

revision, down_revision = "0017", "0015"
branch_labels = depends_on = None

ENTRIES = """
create table archive_entries (
  parent_id text not null collate "C", entry_no int not null check (entry_no >= 0), {BASE},
  name text not null, size_bytes bigint not null,
  outcome text not null check (outcome in ('registered','refused','ignored')),
  document_id text, error_code text,
  check ((outcome = 'registered') = (document_id is not null)),
  check ((outcome = 'refused') = (error_code is not null)),
  primary key (tenant_id, parent_id, entry_no), unique (tenant_id, document_id),
  foreign key (tenant_id, parent_id) references documents,
  foreign key (tenant_id, document_id) references documents);
create index documents_of_archive on documents (tenant_id, parent_id, document_id) where parent_id is not null;
"""


def upgrade() -> None:
    """Create the list; one row per file makes a repeat register nothing twice."""
    run(ENTRIES)
    protect({"archive_entries": APPEND_ONLY})


def downgrade() -> None:
    """Drop it; documents keep their parent."""
    drop("archive_entries")
    run("drop index if exists documents_of_archive;")
