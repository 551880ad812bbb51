"""A search index in memory, held to the same contract as the real ones."""

import math
from collections import defaultdict
from collections.abc import Sequence

from shared.domain.errors import Refused
from shared.domain.retrieval import IndexEntry, KeptEntry, RankedId, Scope
from shared.domain.scoping import admits, best_per_chunk, check_tenant
from shared.domain.terms import FIELD_BOOSTS

K1, B = 1.2, 0.75


class MemoryChunkIndex:
    """BM25 and cosine by the book, over the entries of one tenant."""

    def __init__(self, *, tenant_id: str, dimension: int) -> None:
        self._tenant_id = tenant_id
        self._dimension = dimension
        self._entries: dict[str, IndexEntry] = {}

    def add(self, entries: Sequence[IndexEntry], *, generation: int) -> None:
        """Keep the entries; the generation does not matter in memory."""
        for entry in entries:
            if entry.vector is not None:
                self._check_vector(entry.vector)
        self._entries.update({entry.entry_id: entry for entry in entries})

    def remove_document(self, document_id: str) -> None:
        """Forget the entries of a document."""
        self._entries = {key: e for key, e in self._entries.items() if e.document_id != document_id}

    def lexical(self, scope: Scope, terms: Sequence[str], codes: Sequence[str], *, limit: int) -> list[RankedId]:
        """The sum over fields of boost times BM25; each field starts with one term of its own."""
        check_tenant(scope, self._tenant_id)
        scores: defaultdict[str, float] = defaultdict(float)
        for field, boost in FIELD_BOOSTS.items():
            for entry_id, score in self._bm25(field, codes if field == "code_terms" else terms).items():
                scores[entry_id] += boost * score
        return self._best(scope, scores, limit)

    def nearest(self, scope: Scope, vector: Sequence[float], *, limit: int) -> list[RankedId]:
        """Cosine of every entry that has a vector."""
        check_tenant(scope, self._tenant_id)
        self._check_vector(vector)
        scores = {
            key: sum(a * b for a, b in zip(e.vector, vector, strict=True)) / math.hypot(*e.vector) / math.hypot(*vector)
            for key, e in self._entries.items()
            if e.vector is not None
        }
        return self._best(scope, scores, limit)

    def count(self, document_id: str) -> int:
        """Distinct chunks of the document."""
        return len({e.chunk_id for e in self._entries.values() if e.document_id == document_id})

    def entries(self, document_id: str) -> dict[str, KeptEntry]:
        """Hash and whether there is a vector, by entry id."""
        mine = {key: e for key, e in self._entries.items() if e.document_id == document_id}
        return {key: KeptEntry(e.content_hash, e.vector is not None) for key, e in mine.items()}

    def remove(self, document_id: str, entry_ids: Sequence[str]) -> None:
        """Forget these entries of the document."""
        gone = set(entry_ids)
        self._entries = {k: e for k, e in self._entries.items() if k not in gone or e.document_id != document_id}

    def document_ids(self) -> list[str]:
        """The documents with entries."""
        return sorted({e.document_id for e in self._entries.values()})

    def _bm25(self, field: str, wanted: Sequence[str]) -> dict[str, float]:
        texts = {key: ["^", *getattr(e, field).split()] for key, e in self._entries.items()}
        mean = sum(map(len, texts.values())) / max(1, len(texts))
        scores: defaultdict[str, float] = defaultdict(float)
        for term in wanted:
            holders = {key: words.count(term) for key, words in texts.items() if term in words}
            idf = math.log(1 + (len(texts) - len(holders) + 0.5) / (len(holders) + 0.5))
            for key, tf in holders.items():
                scores[key] += idf * tf / (tf + K1 * (1 - B + B * len(texts[key]) / mean))
        return scores

    def _best(self, scope: Scope, scores: dict[str, float], limit: int) -> list[RankedId]:
        found = [
            (key, self._entries[key].document_id, score)
            for key, score in scores.items()
            if admits(
                scope,
                project_id=self._entries[key].project_id,
                supplier_id=self._entries[key].supplier_id,
                doc_type=self._entries[key].doc_type,
                document_id=self._entries[key].document_id,
            )
        ]
        return best_per_chunk(found, limit=limit)

    def _check_vector(self, vector: Sequence[float]) -> None:
        if len(vector) != self._dimension or not any(vector):
            raise Refused("INDEX_DIMENSION_MISMATCH")
