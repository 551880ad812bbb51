"""BM25 on one machine: a tantivy folder of one tenant and index generation (spec R26, R32)."""

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tantivy

from shared.domain.retrieval import IndexEntry, RankedId, Scope
from shared.domain.scoping import TENDER, best_per_chunk, chunk_of
from shared.domain.terms import FIELD_BOOSTS

# Lucene takes document count and mean length over the documents that have a field, tantivy over all. One term
# that every field starts with makes both the same, also for passages without a heading or a code.
FIELD_START = "^"
_FIELDS = tuple(FIELD_BOOSTS)
_KEYWORDS = ("entry_id", "chunk_id", "document_id", "project_id", "supplier_id", "doc_type", "content_hash")
SCHEMA_VERSION = 2  # part of the path: a folder of another schema is left alone and made anew from the rows
_NO_SUPPLIER = "-"
_WRITER_BYTES = 32_000_000
_MOST_ENTRIES = 20_000


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in _KEYWORDS:
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in _FIELDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


class TermFolder:
    """The folder is made at the first write; before that it is empty. Any process may read while one writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._schema = _schema()

    def add(self, entries: Sequence[IndexEntry]) -> None:
        """Write in one commit; an entry id that is there is replaced."""
        with self._writer() as writer:
            for entry in entries:
                writer.delete_documents_by_term("entry_id", entry.entry_id)
                writer.add_document(_document(entry))

    def remove_document(self, document_id: str) -> None:
        """Forget a document; a folder that was never written has nothing to forget."""
        if self._exists():
            with self._writer() as writer:
                writer.delete_documents_by_term("document_id", document_id)

    def remove(self, document_id: str, entry_ids: Sequence[str]) -> None:
        """Forget these entries of a document in one commit."""
        if entry_ids and self._exists():
            with self._writer() as writer:
                for entry_id in entry_ids:
                    both = self._all_of(self._term("document_id", document_id), self._term("entry_id", entry_id))
                    writer.delete_documents_by_query(both)

    def drop(self) -> None:
        """Delete the folder; a writer at work ends first."""
        if self._path.is_dir():
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self._path.is_dir():
                    shutil.rmtree(self._path)

    def search(self, scope: Scope, terms: Sequence[str], codes: Sequence[str], *, limit: int) -> list[RankedId]:
        """The best chunks by the sum over fields of boost times BM25 (k1 1.2, b 0.75, tantivy's own)."""
        wanted = [("code_terms", code) for code in codes]
        wanted += [(field, term) for field in ("heading_terms", "terms") for term in terms]
        if not wanted or not self._exists():
            return []
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.boost_query(self._term(field, text, "freq"), FIELD_BOOSTS[field]))
            for field, text in wanted
        ]
        query = tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, tantivy.Query.boolean_query(clauses)), *self._filters(scope)]
        )
        return self._ranked(query, limit)

    def count(self, document_id: str) -> int:
        """How many chunks of the document are there."""
        return len({chunk_of(entry_id) for entry_id in self.hashes(document_id)})

    def hashes(self, document_id: str) -> dict[str, str]:
        """The content hash of every entry of the document, by entry id."""
        return {
            doc["entry_id"][0]: doc["content_hash"][0] for doc in self._every(self._term("document_id", document_id))
        }

    def document_ids(self) -> set[str]:
        """The documents that have entries."""
        return {doc["document_id"][0] for doc in self._every(tantivy.Query.all_query())}

    def _every(self, query: tantivy.Query) -> Iterator[tantivy.Document]:
        if self._exists():
            searcher = self._searcher()
            for _, address in searcher.search(query, limit=max(1, searcher.num_docs)).hits:
                yield searcher.doc(address)

    def _ranked(self, query: tantivy.Query, limit: int) -> list[RankedId]:
        """Ask for more until enough chunks stand clear of a tie at the cut: views of one chunk count once."""
        searcher = self._searcher()
        asked = limit * 2 + 10
        while True:
            result = searcher.search(query, limit=asked, count=False)
            hits = [(score, searcher.doc(address)) for score, address in result.hits]
            found = [(doc["entry_id"][0], doc["document_id"][0], score) for score, doc in hits]
            ranked = best_per_chunk(found, limit=limit)
            enough = len(ranked) == limit and ranked[-1].score > found[-1][2]
            if enough or len(found) < asked or asked >= _MOST_ENTRIES:
                return ranked
            asked = min(asked * 4, _MOST_ENTRIES)

    def _filters(self, scope: Scope) -> list[tuple[tantivy.Occur, tantivy.Query]]:
        supplier = self._term("supplier_id", scope.supplier_id or _NO_SUPPLIER)
        tender = self._all_of(self._term("doc_type", TENDER), self._term("supplier_id", _NO_SUPPLIER))
        if scope.supplier_id is None:
            supplier = tender if scope.tender else supplier
        elif scope.tender:
            supplier = self._any_of(supplier, tender)
        filters = [self._term("project_id", scope.project_id), supplier]
        if scope.doc_types:
            filters.append(self._any_of(*(self._term("doc_type", value) for value in scope.doc_types)))
        if scope.document_ids:
            filters.append(self._any_of(*(self._term("document_id", value) for value in scope.document_ids)))
        return [(tantivy.Occur.Must, tantivy.Query.const_score_query(query, 0.0)) for query in filters]

    def _term(self, field: str, text: str, option: str = "basic") -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, text, option)

    @staticmethod
    def _any_of(*queries: tantivy.Query) -> tantivy.Query:
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])

    @staticmethod
    def _all_of(*queries: tantivy.Query) -> tantivy.Query:
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in queries])

    def _exists(self) -> bool:
        return self._path.is_dir() and tantivy.Index.exists(str(self._path))

    def _searcher(self) -> tantivy.Searcher:
        """Opened anew, so commits of another process are seen."""
        return tantivy.Index.open(str(self._path)).searcher()

    @contextmanager
    def _writer(self) -> Iterator[tantivy.IndexWriter]:
        """One writer at a time over all processes: the lock waits, tantivy's own would fail at once."""
        self._path.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            writer = tantivy.Index(self._schema, path=str(self._path)).writer(_WRITER_BYTES, 1)
            yield writer
            writer.commit()
            writer.wait_merging_threads()


def _document(entry: IndexEntry) -> tantivy.Document:
    document = tantivy.Document()
    for name in _KEYWORDS:
        document.add_text(name, getattr(entry, name) or _NO_SUPPLIER)
    for name in _FIELDS:
        document.add_text(name, f"{FIELD_START} {getattr(entry, name)}")
    return document
