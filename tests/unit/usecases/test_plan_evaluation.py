"""Planning: what was frozen must still hold; the criteria are dealt into few groups."""

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.evaluation_seed import Seed, criterion
from tests.records import make_records


def test_it_deals_criteria_into_groups_once(databases: Databases) -> None:
    made = Seed(make_records(databases), [criterion(f"T-{n}", "judged", points="10") for n in range(10)])
    started = made.start(made.bid("S-1", "We deliver."))
    command = PlanEvaluation(evaluation_id=started.evaluation.evaluation_id)
    planned = plan_evaluation(command, records=made.records)
    assert (planned.groups, planned.criteria) == ([0, 1, 2], 10)
    assert plan_evaluation(command, records=made.records) == planned
    assert len(made.records.evaluations.criterion_runs(started.evaluation.evaluation_id)) == 10
    assert made.records.evaluations.get(started.evaluation.evaluation_id).status == "evaluating"
    assert made.records.jobs.get(started.job.job_id).progress_done == 5


def test_a_group_criterion_gets_no_run(databases: Databases) -> None:
    made = Seed(make_records(databases), [criterion("T", "group"), criterion("T-1", "judged", points="100")])
    started = made.start(made.bid("S-1", "We deliver."))
    command = PlanEvaluation(evaluation_id=started.evaluation.evaluation_id)
    assert plan_evaluation(command, records=made.records).criteria == 1


def test_a_changed_document_or_snapshot_stops_it(databases: Databases) -> None:
    made = Seed(make_records(databases), [criterion("T-1", "judged", points="100")])
    supplier = made.bid("S-1", "We deliver.")
    started = made.start(supplier)
    command = PlanEvaluation(evaluation_id=started.evaluation.evaluation_id)
    document = made.records.documents.by_project(made.project.project_id, supplier_id=supplier)[0]
    made.records.moves.document(document, "deleted")
    with pytest.raises(Permanent) as changed:
        plan_evaluation(command, records=made.records)
    assert (changed.value.code, changed.value.details) == ("DOC_NOT_INDEXED", {"documents": [document.document_id]})
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (made.records.actor.tenant_id,))
        connection.execute('update evaluation_snapshots set payload = payload || \'{"cohort": ["bid_x"]}\'')
    with pytest.raises(Permanent) as altered:
        plan_evaluation(command, records=made.records)
    assert altered.value.code == "DATA_CORRUPTED"
