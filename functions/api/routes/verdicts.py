"""How verdicts, their citations and the matrix are shown (spec A93, A98)."""

from typing import Any

from functions.api.answers import Answer, view
from functions.api.caller import Asking, Caller
from functions.api.fields import ProjectId
from functions.api.routing import new_router, route
from shared.domain.criteria import Criterion
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Evaluation, MatrixCell
from shared.domain.evidence import Claim, Verdict

router = new_router()
SUPPLIER = ("status", "total_score", "max_total", "score_low", "score_high", "evaluation_id")


class _Names:
    """File names by document id, each read once."""

    def __init__(self, caller: Caller) -> None:
        self._caller, self._known = caller, dict[str, str]()

    def __getitem__(self, document_id: str) -> str:
        if document_id not in self._known:
            self._known[document_id] = self._caller.records.documents.get(document_id).filename
        return self._known[document_id]


def _claim(claim: Claim, names: _Names) -> dict[str, Any]:
    citations = [view(cited, filename=names[cited.document_id]) for cited in claim.citations]
    return view(claim, citations=citations)


def _verdict(verdict: Verdict, names: _Names) -> dict[str, Any]:
    return view(
        verdict,
        "input_hash",
        claims=[_claim(claim, names) for claim in verdict.claims],
        unsupported_claims=[_claim(claim, names) for claim in verdict.unsupported_claims],
        decided_by=verdict.source,
    )


def _named(criterion: Criterion) -> dict[str, Any]:
    return {
        "criterion_id": criterion.criterion_id,
        "criterion_code": criterion.code,
        "criterion_kind": criterion.kind,
        "title": criterion.title,
        "requirement": criterion.requirement,
        "mandatory": criterion.mandatory,
        "score_step": criterion.score_step,
        "max_score": criterion.max_score,
    }


def _criteria(caller: Caller, evaluation: Evaluation) -> list[Criterion]:
    found = caller.records.rule_packs.criteria(evaluation.rule_pack_id, evaluation.rule_pack_version)
    return [criterion for criterion in found if criterion.kind != "group"]


def show_criteria(caller: Caller, evaluation: Evaluation) -> list[dict[str, Any]]:
    """All criteria in the order of the pack; `outcome` is null while one is undecided."""
    with caller.records.transaction():
        names = _Names(caller)
        verdicts = {
            verdict.criterion_id: verdict for verdict in caller.records.verdicts.current(evaluation.evaluation_id)
        }
        items = []
        for criterion in _criteria(caller, evaluation):
            verdict = verdicts.get(criterion.criterion_id)
            shown: dict[str, Any] = {"outcome": None, "score": None, "claims": [], "review_reasons": []}
            pack = None
            if verdict is not None:
                shown = _verdict(verdict, names)
                pack = verdict.pack_id and caller.records.searches.pack(verdict.pack_id)
            items.append(_named(criterion) | shown | {"evidence_pack": pack})
    return items


def show_criterion(caller: Caller, evaluation: Evaluation, criterion_id: str) -> dict[str, Any]:
    """One criterion with every revision, the newest one's evidence pack and search log.

    Raises Refused CRITERION_NOT_FOUND."""
    with caller.records.transaction():
        criterion = next((c for c in _criteria(caller, evaluation) if c.criterion_id == criterion_id), None)
        if criterion is None:
            raise Refused("CRITERION_NOT_FOUND")
        names, records = _Names(caller), caller.records
        revisions = records.verdicts.revisions(evaluation.evaluation_id, criterion_id)
        newest = revisions[-1] if revisions else None
        return _named(criterion) | {
            "revisions": [_verdict(verdict, names) for verdict in revisions],
            "evidence_pack": newest and newest.pack_id and records.searches.pack(newest.pack_id),
            "search_log": newest and newest.search_log_id and records.searches.log(newest.search_log_id),
        }


@route(
    router, "GET", "/projects/{project_id}/matrix", "matrix.read", shows=dict[str, Any], errors=("PROJECT_NOT_FOUND",)
)
def get_matrix(caller: Asking, project_id: ProjectId) -> Answer:
    """Criteria by bidders: the current verdicts of the newest evaluation of each; undecided ones have no cell."""
    caller.require("matrix.read", project_id, missing="PROJECT_NOT_FOUND")
    with caller.records.transaction():
        caller.records.projects.get(project_id)
        cells = caller.records.evaluations.matrix(project_id)
        suppliers = {cell.supplier_id: cell for cell in cells}
        rows = [_supplier(caller, cell) for cell in suppliers.values()]
    criteria = {cell.criterion_code: _heading(cell) for cell in cells}
    decided = [cell for cell in cells if cell.verdict_id is not None]
    data = {"project_id": project_id, "suppliers": rows, "criteria": list(criteria.values()), "cells": decided}
    return Answer(data=data)


def _supplier(caller: Caller, cell: MatrixCell) -> dict[str, Any]:
    evaluation = caller.records.evaluations.get(cell.evaluation_id)
    named = {"supplier_id": cell.supplier_id, "code": cell.supplier_code, "name": cell.supplier_name}
    return named | {name: getattr(evaluation, name) for name in SUPPLIER}


def _heading(cell: MatrixCell) -> dict[str, Any]:
    title = cell.title.get("en") or next(iter(cell.title.values()), cell.criterion_code)
    return {
        "criterion_id": cell.criterion_id,
        "code": cell.criterion_code,
        "kind": cell.criterion_kind,
        "title": title,
        "titles": cell.title,
        "max_score": cell.max_score,
    }
