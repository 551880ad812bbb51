"""Frozen plans: equal inputs, equal ids."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.criteria import Criterion
from shared.domain.errors import Permanent, Refused
from shared.domain.plans import PinnedDocument, check_snapshot, freeze, group_criteria, input_hash

DOCUMENTS = [PinnedDocument(document_id=f"doc_{n}", parse_run_id=f"prs_{n}", content_hash="0" * 64) for n in range(3)]


def plan(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "project_id": "prj_1",
        "supplier_id": "sup_1",
        "bid_id": "bid_1",
        "rule_pack": {"id": "rpk_1", "version": 1, "content_hash": "1" * 64},
        "documents": DOCUMENTS,
        "cohort": ["bid_1", "bid_2"],
        "versions": {"rules": "1"},
    }
    return freeze(**values | changes)


def leaf(code: str, kind: str = "judged", ordinal: int = 0) -> Criterion:
    return Criterion(
        criterion_id=f"crt_{code}",
        code=code,
        kind=kind,
        ordinal=ordinal,
        title={},
        requirement="",
        mandatory=False,
        max_score=Decimal(1),
        weight=Decimal(1),
        score_step=Decimal(1),
    )


def test_equal_inputs_in_any_order_freeze_to_the_same_plan() -> None:
    again = plan(documents=DOCUMENTS[::-1], cohort=["bid_2", "bid_1"])
    assert (again.plan_id, again.snapshot_hash) == (plan().plan_id, plan().snapshot_hash)
    assert plan().plan_id.startswith("pln_") and len(plan().plan_id) == 30


@pytest.mark.parametrize(
    "change",
    [
        {"supplier_id": "sup_2"},
        {"cohort": []},
        {"versions": {"rules": "2"}},
        {"documents": DOCUMENTS[:2]},
        {"documents": [replace(DOCUMENTS[0], parse_run_id="prs_9"), *DOCUMENTS[1:]]},
        {"rule_pack": {"id": "rpk_1", "version": 2, "content_hash": "1" * 64}},
    ],
)
def test_any_other_input_makes_another_plan(change: dict[str, Any]) -> None:
    assert plan(**change).plan_id != plan().plan_id


def test_a_snapshot_that_was_altered_or_is_from_the_future_is_corrupt() -> None:
    frozen = plan()
    check_snapshot(frozen.payload, frozen.snapshot_hash)
    for payload in ({**frozen.payload, "cohort": []}, {**frozen.payload, "schema_version": 99}):
        with pytest.raises(Permanent):
            check_snapshot(payload, frozen.snapshot_hash)


@pytest.mark.parametrize(("count", "groups"), [(1, 1), (4, 1), (5, 2), (12, 3), (32, 8), (400, 8)])
def test_criteria_are_dealt_evenly_into_at_most_eight_groups(count: int, groups: int) -> None:
    runs = group_criteria("evl_1", [leaf(str(n), ordinal=n) for n in range(count)])
    sizes = [sum(run.group_no == number for run in runs) for number in range(groups)]
    assert sum(sizes) == count and max(sizes) - min(sizes) <= 1
    assert runs[0].thread_id == "evl_1:crt_0"


@pytest.mark.parametrize("criteria", [[], [leaf("G", "group")], [leaf(str(n)) for n in range(401)]])
def test_a_pack_has_1_to_400_leaves(criteria: list[Criterion]) -> None:
    with pytest.raises(Refused):
        group_criteria("evl_1", criteria)


def test_the_input_hash_follows_what_the_result_depends_on() -> None:
    values: dict[str, Any] = {
        "criterion": leaf("T-1"),
        "facts": [{"field": "bid_price"}],
        "evidence": ["a", "b"],
        "cohort": None,
        "versions": {"rules": "1"},
    }
    changed = [{"evidence": ["b", "a"]}, {"facts": []}, {"cohort": ["1"]}, {"criterion": leaf("T-2")}, {"versions": {}}]
    hashes = {input_hash(**values | change) for change in [{}, *changed]}
    assert input_hash(**values) in hashes and len(hashes) == 1 + len(changed)
