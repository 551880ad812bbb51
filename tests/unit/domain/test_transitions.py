"""Every pair of states of every machine: listed moves pass, all others are refused and change no column (D100-D111)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain import transitions
from shared.domain.errors import Refused
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import ids, make_records
from tests.releases import Platform
from tests.rows import a_document, an_ingest_job

MACHINES: dict[str, Mapping[str, frozenset[str]]] = {
    name: table for name, table in vars(transitions).items() if name.isupper() and isinstance(table, dict)
}
PAIRS = [(name, old, new) for name, table in MACHINES.items() for old in table for new in table]


def test_the_machines_are_those_of_the_specification() -> None:
    assert set(MACHINES) >= {"JOB", "DOCUMENT", "EVALUATION", "REVIEW", "APPROVAL", "DLQ", "BATCH", "UPLOAD", "WAIT"}
    assert "RELEASE" in MACHINES
    assert {s for s, after in transitions.RELEASE.items() if "rolled_back" in after} == {"replay_verifying"}
    assert {s for s, after in transitions.RELEASE.items() if "canary" in after} == {"release_ready"}
    assert {s for s, after in transitions.APPROVAL.items() if "executed" in after} == {"approved"}
    assert {s for s, after in transitions.DLQ.items() if after} == {"open"}
    assert {s for s, after in transitions.JOB.items() if "failed" in after} == {"dlq_recorded"}
    assert {s for s, after in transitions.JOB.items() if "dlq_recorded" in after} == {"dlq_pending"}


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_a_machine_moves_only_between_its_own_states_and_never_to_the_same(name: str) -> None:
    table = MACHINES[name]
    assert all(after <= table.keys() and state not in after for state, after in table.items())


def test_listed_moves_pass_and_all_others_raise() -> None:
    for name, old, new in PAIRS:
        if new in MACHINES[name][old]:
            transitions.check_move(MACHINES[name], old, new)
            continue
        with pytest.raises(Refused) as refusal:
            transitions.check_move(MACHINES[name], old, new)
        assert (refusal.value.code, refusal.value.details) == ("WF_STATE_TRANSITION_INVALID", {"from": old, "to": new})


def test_f06_a_move_that_is_not_listed_changes_no_column_of_any_row(databases: Databases) -> None:
    records = make_records(databases)
    made = Seed(records, limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review = records.reviews.get(made.ask(started))
    job = an_ingest_job(records, document := a_document(records))
    error = {"code": "INTERNAL_ERROR", "class": "permanent"}
    records.session.execute(
        "update jobs set dlq_id = %(id)s where job_id = %(job)s",
        id=records.jobs.dead_letter(job, dlq_id=ids.new("dlq"), step=None, error=error),
        job=job.job_id,
    )
    evaluation = records.evaluations.get(started.evaluation.evaluation_id)
    subjects: list[tuple[str, str, str, Any, Callable[..., Any]]] = [
        ("JOB", "jobs", "job_id", job, records.moves.job),
        ("DOCUMENT", "documents", "document_id", document, records.moves.document),
        ("EVALUATION", "evaluations", "evaluation_id", evaluation, records.moves.evaluation),
        ("REVIEW", "reviews", "review_id", review, records.moves.review),
    ]
    platform = Platform(databases)
    platform.clear()
    release = ("RELEASE", "releases", "release_id", platform.draft(), platform.records.moves.release)
    for machine, table, key, row, move in [*subjects, release]:
        records = platform.records if machine == "RELEASE" else records
        where = f"where {key} = %(id)s"
        for old in MACHINES[machine]:
            records.session.execute(f"update {table} set status = %(old)s {where}", old=old, id=getattr(row, key))
            before = records.session.rows(f"select * from {table} {where}", id=getattr(row, key))
            standing = replace(row, status=old, row_version=before[0]["row_version"])
            for new in MACHINES[machine].keys() - MACHINES[machine][old]:
                with pytest.raises(Refused) as refusal:
                    move(standing, new)
                assert refusal.value.code == "WF_STATE_TRANSITION_INVALID"
            assert records.session.rows(f"select * from {table} {where}", id=getattr(row, key)) == before
    platform.clear()
