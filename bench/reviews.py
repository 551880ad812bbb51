"""What 1,000 reviews that wait for people cost, and how soon an answer goes on while they wait (spec W2, W95)."""

import time
from collections import Counter

from bench.results import percentile, write
from bench.running import Running, running
from functions.entry import call
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.start_evaluation import start_evaluation
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.evaluation_seed import BID, Seed, limit_and_judged

WAITING, ANSWERS, FEW = 1000, 100, 10
SETTLE_SECONDS = 15.0  # after the last one waits: what the work had allocated is given back, relays and sweeps run dry
_WAIT = "select count(*) from jobs where waiting_on = 'review'"
_AT = """
select extract(epoch from a.started_at - o.created_at)::float * 1000
  from outbox_events o
  join reviews r on r.tenant_id = o.tenant_id and r.review_id = o.aggregate_id
  join evaluations e on e.tenant_id = r.tenant_id and e.evaluation_id = r.evaluation_id
  join runs u on u.tenant_id = e.tenant_id and u.job_id = e.job_id
  join step_attempts a on a.tenant_id = u.tenant_id and a.run_id = u.run_id and a.step = 'ScoreBidReviewed'
 where o.event_type = 'review.submitted'"""


def let_wait(product: Running, seed: Seed, first: int, count: int) -> float:
    """Start evaluations that need a person and wait until `count` wait; seconds."""
    parts = product.parts()
    suppliers = [seed.bid(f"S-{number}", *BID) for number in range(first, count)]
    began = time.monotonic()
    for supplier in suppliers:
        command = seed.command(supplier, force_review=True)
        start_evaluation(command, records=parts.records, ids=parts.ids, clock=parts.clock)
    product.wait(lambda: product.rows(_WAIT)[0][0] == count)
    return time.monotonic() - began


def answer(product: Running, review_id: str) -> None:
    """Claim and reject as the evaluator, one transaction each."""
    parts = product.parts("evaluator")
    claimed = call(claim_review, ClaimReview(review_id=review_id), parts)
    command = SubmitReview(
        review_id=review_id, resume_token=claimed.resume_token, decision="reject", comment="Read and decided."
    )
    call(submit_review, command, parts)


def answered(product: Running) -> list[float]:
    """Milliseconds from `review.submitted`, written just before the commit, to the next Task's start, as stored."""
    return sorted(row[0] for row in product.rows(_AT))


def main(waiting: int = WAITING, answers: int = ANSWERS) -> None:
    """Fill, look, answer one after another and then all at once, and write both results."""
    with running() as product:
        time.sleep(SETTLE_SECONDS)
        empty = product.held()
        seed = Seed(product.parts().records, limit_and_judged(), url=product.prepared.databases.app_url)
        let_wait(product, seed, 0, FEW)
        time.sleep(SETTLE_SECONDS)
        before = product.held()
        took = let_wait(product, seed, FEW, waiting)
        time.sleep(SETTLE_SECONDS)
        after = product.held()
        reviews = [row[0] for row in product.rows("select review_id from reviews order by review_id limit %s", answers)]
        for number, review_id in enumerate(reviews[: answers // 2], start=1):  # a person at a time
            answer(product, review_id)
            product.wait(lambda number=number: len(answered(product)) == number)  # type: ignore[misc]
        paced = answered(product)
        for review_id in reviews[answers // 2 :]:  # as fast as they can be sent
            answer(product, review_id)
        product.wait(lambda: len(answered(product)) == len(reviews))
        burst = list((Counter(answered(product)) - Counter(paced)).elements())
    write(
        "waiting_reviews",
        {
            "waiting": waiting,
            "memory_mb_idle": empty.memory_mb,
            "memory_mb_with_few": before.memory_mb,
            "memory_mb_with_all": after.memory_mb,
            "processes_before_and_after": [before.processes, after.processes],
            "threads_before_and_after": [before.threads, after.threads],
            "to_waiting_per_minute": round((waiting - FEW) / took * 60),
        },
        goal="no process and no thread more than with 10 waiting; memory of API and worker does not grow with them",
    )
    figures = {
        f"p{int(share * 100)}_ms{name}": round(percentile(sorted(times), share), 1)
        for name, times in (("", paced), ("_burst", burst))
        for share in (0.5, 0.95, 0.99)
    }
    write("review_answer", {**figures, "answers": answers, "waiting": waiting}, goal="P95 <= 200 ms (W95)")


if __name__ == "__main__":
    main()
