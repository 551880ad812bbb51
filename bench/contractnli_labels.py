"""The lawyers' labels of ContractNLI against what the product found; a reviewer who follows them."""

import contextlib
import io
import json
import runpy
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.cited_places import flat
from bench.contractnli_rules import BY_WORDS, DATA

SCORER = DATA.parents[1] / "score" / "score_verdicts.py"
LABEL_OF = {"pass": "Entailment", "fail": "Contradiction", "not_found": "NotMentioned"}
OUTCOME_OF = {label: outcome for outcome, label in LABEL_OF.items()}
SCORE_OF = {"pass": "1", "fail": "0", "not_found": "0"}


def labels() -> dict[str, dict[str, Any]]:
    """By id such as cnli-3:nda-11: verdict, evidence, and `texts`, the quoted text of each evidence span."""
    texts = {row["doc_id"]: row["text"] for row in _rows("documents.jsonl")}
    found = {}
    for row in _rows("labels.jsonl"):
        text = texts[row["doc_id"]]
        found[row["id"]] = row | {"texts": [text[span["start"] : span["end"]] for span in row["evidence"]]}
    return found


def documents() -> dict[str, str]:
    """The text of each contract as it was labelled, without blanks."""
    return {row["doc_id"]: flat(row["text"]) for row in _rows("documents.jsonl")}


def _rows(name: str) -> Iterator[dict[str, Any]]:
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def found_in(text: str, wanted: str) -> str | None:
    """The passage of `text` that equals `wanted` apart from blanks and width, or None."""
    letters = [(c, at) for at, raw in enumerate(text) for c in flat(raw)]
    at = "".join(c for c, _ in letters).find(flat(wanted))
    return text[letters[at][1] : letters[at + len(flat(wanted)) - 1][1] + 1] if at >= 0 and flat(wanted) else None


def edit(code: str, label: Mapping[str, Any], chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a reviewer submits who thinks as the label says and cites what the evidence pack has of its spans.

    Points need a passage: where the pack has none of the spans, the criterion is not found."""
    cited = [
        {"chunk_id": chunk["chunk_id"], "quote": quote}
        for text in label["texts"]
        for chunk in chunks
        if (quote := found_in(chunk["text"], text))
    ]
    outcome = OUTCOME_OF[label["verdict"]]
    outcome = "not_found" if outcome == "pass" and not cited else outcome
    reason = f"Labelled {label['verdict']} in ContractNLI."
    made = {"criterion": code, "outcome": outcome, "score": SCORE_OF[outcome], "reason": reason}
    return made | {"citations": list({c["quote"]: c for c in cited}.values())[:20]}


def pack_recall(packs: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """How much of the labelled evidence the packs hold; `packs` gives the texts of a pack by label id."""
    wanted = {name: label["texts"] for name, label in labels().items() if name in packs and label["texts"]}
    joined = {name: [flat(text) for text in packs[name]] for name in wanted}
    held = {name: [any(flat(span) in text for text in joined[name]) for span in wanted[name]] for name in wanted}
    return {
        "labels_with_evidence": len(wanted),
        "pack_has_a_span": round(sum(any(h) for h in held.values()) / max(1, len(held)), 4),
        "pack_has_all_spans": round(sum(all(h) for h in held.values()) / max(1, len(held)), 4),
    }


def score_words(verdicts: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Measures of ../shared/score for the criteria decided by words; `verdicts` by label id, as the API shows them."""
    if not SCORER.exists():
        return {}
    gold = [row for row in _rows("labels.jsonl") if row["id"] in verdicts]
    made = [_prediction(name, verdict) for name, verdict in verdicts.items()]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "gold.jsonl", Path(folder) / "pred.jsonl"]
        for path, rows in zip(paths, (gold, made), strict=True):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        shown = _run_scorer(["--gold", str(paths[0]), "--pred", str(paths[1]), "--docs", str(DATA / "documents.jsonl")])
    shown = "\n".join(
        line for line in shown.splitlines() if " span hit " not in line and " char " not in line
    )  # no offsets
    lines = [line.rsplit("95% CI", 1)[0].rsplit(maxsplit=1) for line in shown.splitlines() if not line.startswith("  ")]
    return {f"words {line[0].strip()}": float(line[1]) for line in lines if len(line) == 2 and "." in line[1]}


def _prediction(name: str, verdict: Mapping[str, Any]) -> dict[str, Any]:
    cited = [citation for claim in verdict["claims"] for citation in claim["citations"]]
    evidence = [{"page": citation["page"], "text": citation["quote"]} for citation in cited]
    return {"id": name, "verdict": LABEL_OF.get(verdict["outcome"], "undecided"), "evidence": evidence}


def _run_scorer(arguments: list[str]) -> str:
    before = sys.argv, sys.path[:]
    sys.argv, shown = [str(SCORER), *arguments], io.StringIO()
    sys.path.insert(0, str(SCORER.parent))
    try:
        with contextlib.redirect_stdout(shown):
            runpy.run_path(str(SCORER), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = before
    return shown.getvalue()


def label_id(document: str, code: str) -> str:
    """The id of a label from the document's name and the code of either kind of criterion."""
    return f"{document}:{code.removesuffix(BY_WORDS)}"
