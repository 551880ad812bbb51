"""The 17 criteria of ContractNLI as a rule pack: judged by a person, evidenced by words of a checklist, or both.

The words were chosen from the names and hypotheses of the criteria, before any label was looked at."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "shared" / "data" / "contractnli"
KINDS = {"judged": ("judged",), "evidenced": ("evidenced",), "both": ("judged", "evidenced")}
BY_WORDS = "-words"  # ends the code of an evidenced criterion
BANDS = {
    "full": "The agreement says so",
    "mostly": "The agreement says so for some of the information or in some circumstances",
    "partly": "The agreement says so only by implication",
    "not_met": "The agreement says the contrary or nothing",
}
# criterion: phrases of which one has to stand in a statement, and groups of which each has to stand there too
WORDS: Mapping[str, tuple[Sequence[str], Sequence[Sequence[str]]]] = {
    "nda-1": (["marked", "identified", "designated"], [["confidential", "proprietary"]]),
    "nda-2": (["technical information"], [["only", "solely"]]),
    "nda-3": (["oral", "orally", "verbal", "verbally"], []),
    "nda-4": (["solely", "only for", "other than", "any purpose"], [["purpose", "purposes"], ["use", "used"]]),
    "nda-5": (["employees"], [["need to know", "disclose", "disclosed"]]),
    "nda-7": (["consultants", "agents", "advisors", "advisers"], [["disclose", "disclosed", "need to know"]]),
    "nda-8": (["notify", "notice"], [["law", "court", "judicial", "regulation", "order"]]),
    "nda-10": (["existence", "fact that"], [["discussions", "negotiations", "agreement"]]),
    "nda-11": (["reverse engineer", "reverse engineering"], []),
    "nda-12": (["independently developed", "developed independently", "independently develop"], []),
    "nda-13": (["third party", "third parties"], [["received", "obtained", "acquired", "lawfully"]]),
    "nda-15": (["license", "licence"], [["right", "rights", "granted", "grant"]]),
    "nda-16": (["return", "destroy", "returned", "destroyed"], []),
    "nda-17": (["copy", "copies", "reproduce"], []),
    "nda-18": (["solicit"], []),
    "nda-19": (["survive", "survives", "survival"], []),
    "nda-20": (["retain"], [["copy", "copies"]]),
}


def criteria() -> list[dict[str, str]]:
    """criterion_id, name and hypothesis of each, in the order of the data."""
    return [json.loads(line) for line in (DATA / "criteria.jsonl").read_text("utf-8").splitlines()]


def write_rules(folder: Path, kind: str = "judged") -> Path:
    """Write the pack of a kind of KINDS into the folder and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    pack = {
        "schema_version": 1,
        "code": "contractnli",
        "name": {"en": "Non-disclosure agreements"},
        "language": "en",
        "declared_total": str(17 * len(KINDS[kind])),
        "panel_size": 1,
        "criteria": [_criterion(row, one) for one in KINDS[kind] for row in criteria()],
    }
    path = folder / f"contractnli-{kind}.json"
    path.write_text(json.dumps(pack, indent=2), encoding="utf-8")
    return path


def _criterion(row: Mapping[str, str], kind: str) -> dict[str, Any]:
    judged = kind == "judged"
    return {
        "code": row["criterion_id"] + ("" if judged else BY_WORDS),
        "parent_code": None,
        "kind": kind,
        "title": {"en": row["name"]},
        "requirement": row["hypothesis"],
        "source": {"author_statement": "ContractNLI, CC BY 4.0"},
        "mandatory": False,
        "max_score": "1",
        "score_step": "0.5",
        "test": None,
        "checklist": [] if judged else [_item(row)],
        "formula": None,
        "rubric": {"bands": BANDS} if judged else None,
        "doc_scope": ["bid"],
        "evidence_min": 1,
        "evidence_max": 8,
        "risk": "normal",
        "on_conflict": "needs_human",
        "unit_conversions": {},
        "model": "never",
        "queries": [row["name"], row["hypothesis"]],
    }


def _item(row: Mapping[str, str]) -> dict[str, Any]:
    anchors, near = WORDS[row["criterion_id"]]
    text = {"any": list(anchors), "near": [list(group) for group in near]}
    return {
        "code": f"{row['criterion_id']}.1",
        "requirement": row["hypothesis"],
        "points": "1",
        "test": {"text": text, "op": "exists"},
    }
