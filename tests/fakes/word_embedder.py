"""An embedder without a model."""

from collections.abc import Sequence

from shared.domain.terms import terms

DIMENSION = 8


class WordEmbedder:
    """Counts terms into eight buckets: deterministic, and alike for alike texts."""

    profile_id, dimension = "words", DIMENSION

    def query(self, text: str) -> list[float]:
        """Bucket counts and a small rest."""
        vector = [0.01] * DIMENSION
        for term in terms(text):
            vector[sum(map(ord, term)) % DIMENSION] += 1.0
        return vector

    def passages(self, texts: Sequence[str]) -> list[list[float]]:
        """The same for many."""
        return [self.query(text) for text in texts]
