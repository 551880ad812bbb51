"""The end of the flow: the job succeeds only when its result exists."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent
from shared.usecases.finish_evaluation import FinishedEvaluation, FinishEvaluation, finish_evaluation
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion
from tests.records import make_records


def test_the_job_succeeds_once_the_report_is_there(databases: Databases) -> None:
    one = [criterion("T-1", "numeric_limit", points="100", test=DELIVERY)]
    made = Seed(make_records(databases), one, url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    command = FinishEvaluation(evaluation_id=started.evaluation.evaluation_id)
    with pytest.raises(Permanent) as raised:
        finish_evaluation(command, records=made.records)
    assert raised.value.code == "EVALUATION_INCOMPLETE"
    made.report(started.evaluation.evaluation_id)
    finished = FinishedEvaluation(status="report_generated")
    assert [finish_evaluation(command, records=made.records) for _ in range(2)] == [finished] * 2
    job = made.records.jobs.get(started.job.job_id)
    assert (job.status, job.progress_done) == ("succeeded", 100)
    events = [e["event_type"] for e in made.records.jobs.events(started.run_id, after=0, limit=100)]
    assert events[-2:] == ["run.succeeded", "run.closed"]
