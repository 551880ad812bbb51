"""An evaluation that is parked, and how it is asked about again."""

from infra.local.postgres import Databases
from shared.usecases.expire_review import ExpireReview, expire_review
from shared.usecases.reissue_review import ReissuedReview, ReissueReview, reissue_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, ids, make_records


def parked(databases: Databases) -> tuple[Seed, str]:
    """Parked by an expired review, with one thread that waits; its seed and its id."""
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    made.ask(started)
    expire_review(ExpireReview(evaluation_id=started.evaluation.evaluation_id), records=made.records)
    return made, started.evaluation.evaluation_id


def reissue(made: Seed, evaluation_id: str) -> ReissuedReview:
    """Half an hour more for people."""
    command = ReissueReview(evaluation_id=evaluation_id, wait_seconds=1800, reason="The reviewer was ill")
    return reissue_review(command, records=made.records, ids=ids, clock=clock)
