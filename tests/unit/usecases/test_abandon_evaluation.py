"""A parked evaluation is given up as canceled; any other is not (A96)."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.abandon_evaluation import AbandonEvaluation, abandon_evaluation
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import make_records
from tests.unit.usecases.test_reissue_review import parked


def test_a_parked_evaluation_ends_as_canceled_once(databases: Databases) -> None:
    made, evaluation_id = parked(databases)
    command = AbandonEvaluation(evaluation_id=evaluation_id, reason="The tender was withdrawn")
    assert abandon_evaluation(command, records=made.records).status == "canceled"
    with pytest.raises(Refused) as refused:
        abandon_evaluation(command, records=made.records)
    assert refused.value.code == "WF_STATE_TRANSITION_INVALID"


def test_a_running_evaluation_is_not_abandoned(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    with pytest.raises(Refused):
        abandon_evaluation(
            AbandonEvaluation(evaluation_id=started.evaluation.evaluation_id, reason="no"), records=made.records
        )
    assert made.records.evaluations.get(started.evaluation.evaluation_id).status == "evaluating"
