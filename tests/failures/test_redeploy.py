"""A new version is installed while an execution waits for a person: it ends on the version it began with (F14, W9)."""

import json
from pathlib import Path
from typing import Any

from infra.local.postgres import Databases
from infra.local.state_machine import Handler
from infra.local.worker import Worker
from shared.adapters.local_workflows import MACHINES, LocalWorkflows
from shared.wiring import Services
from shared.wiring.local import LocalServices
from tests.failures.faults import Faults
from tests.failures.promises import check_promises
from tests.failures.waiting import start_waiting, wait_for
from tests.failures.work import answer, at_rest, beside, check_verdicts
from tests.product import standing_product

MACHINE = "evaluate_bid.asl.json"


def next_version(text: str) -> str:
    """The machine of the next release: what follows a review has new states and a function with another name."""
    definition: dict[str, Any] = json.loads(text)
    states = definition["States"]
    states["ScoreReviewedBid"] = states.pop("ScoreBidReviewed") | {"Resource": "${ScoreReviewedBid}"}
    return json.dumps(definition).replace('"Next": "ScoreBidReviewed"', '"Next": "ScoreReviewedBid"')


class Release(Faults):
    """The functions of the next release, which has `score_reviewed_bid` beside what the old machine names."""

    def resolve(self, name: str) -> Handler:
        """The function of this name."""
        return super().resolve("score_bid" if name == "score_reviewed_bid" else name)


def test_f14_an_answer_after_a_redeploy_goes_on_in_the_version_that_asked(
    own_databases: Databases, tmp_path: Path
) -> None:
    machines = tmp_path / "statemachines"
    machines.mkdir()
    for path in MACHINES.glob("*.asl.json"):
        (machines / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")

    def prepare(made: Services) -> None:
        assert isinstance(made, LocalServices)
        vars(made)["workflows"] = LocalWorkflows(made.platform_pool, machines)

    with standing_product(own_databases, tmp_path / "data", prepare) as product:
        old, new = Faults(), Release()
        worker = Worker(own_databases.platform_url, resolve=old.resolve)
        worker.start()
        try:
            before = start_waiting(product, until_waiting=False)
            wait_for(lambda: at_rest(before))
        finally:
            assert worker.stop(30)
        file = machines / MACHINE
        file.write_text(next_version(file.read_text(encoding="utf-8")), encoding="utf-8")
        worker = Worker(own_databases.platform_url, resolve=new.resolve)
        worker.start()
        try:
            answer(before)
            after = start_waiting(beside(product), until_waiting=False)
            wait_for(lambda: at_rest(after))
            answer(after)
            for one in (before, after):
                assert one.product.wait_for_job(one.job_id, until=("succeeded",)).job_id == one.job_id
                check_verdicts(check_promises(one.product, one.job_id, "succeeded"), one.evaluation_id)
        finally:
            assert worker.stop(30)
        entered = {name: {each.state for each in new.tries if each.job_id == job} for name, job in _jobs(before, after)}
        assert {"ScoreBidReviewed", "BuildReport", "FinishEvaluation"} <= entered["before"]
        assert "ScoreReviewedBid" not in entered["before"]
        assert {"PlanEvaluation", "ScoreReviewedBid", "BuildReport"} <= entered["after"]
        assert "ScoreBidReviewed" not in entered["after"]
        assert {each.state for each in old.tries} == {
            "ClaimJob",
            "PlanEvaluation",
            "EvaluateCriteria",
            "ScoreBid",
            "OpenReview",
        }


def _jobs(before: Any, after: Any) -> list[tuple[str, str]]:
    return [("before", before.job_id), ("after", after.job_id)]
