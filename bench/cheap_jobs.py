"""Cheap jobs a minute through the whole chain: small documents to the index, rules alone to a report (spec W125)."""

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.results import write
from bench.running import Running, running
from infra.local.demo_client import Client
from shared.usecases.start_evaluation import start_evaluation
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion

DOCUMENTS, EVALUATIONS = 100, 200
_LAST = """
select extract(epoch from max(ended_at) - min(created_at))::float, count(*)
  from jobs where job_type = %s and status = 'succeeded'"""


def done(product: Running, job_type: str) -> tuple[float, int]:
    """Seconds from the first accepted to the last succeeded job of the type, and how many succeeded."""
    seconds, count = product.rows(_LAST, job_type)[0]
    return seconds or 0.0, count


def documents(product: Running, client: Client, project_id: str, count: int) -> float:
    """Upload documents of one page over HTTP and wait until all are indexed; jobs a minute."""
    with TemporaryDirectory() as folder:
        for number in range(count):
            path = Path(folder) / f"letter-{number}.md"
            path.write_text(f"# Letter {number}\n\nThe delivery period is {number + 10} calendar days.")
            client.upload(project_id, None, [path], "tender")
    product.wait(lambda: done(product, "ingest_document")[1] == count)
    return done(product, "ingest_document")[0]


def evaluations(product: Running, seed: Seed, count: int) -> float:
    """Start evaluations that a rule decides and wait until all have their report; jobs a minute."""
    suppliers = [seed.bid(f"S-{number}", *BID) for number in range(count)]
    parts = product.parts()
    for supplier in suppliers:
        start_evaluation(seed.command(supplier), records=parts.records, ids=parts.ids, clock=parts.clock)
    product.wait(lambda: done(product, "evaluate_bid")[1] == count)
    return done(product, "evaluate_bid")[0]


def main(small: int = DOCUMENTS, ruled: int = EVALUATIONS) -> None:
    """Both kinds, one after the other, on one worker process of four handlers."""
    with running() as product:
        limit = criterion(
            "T-1", "numeric_limit", points="100", test=DELIVERY, requirement="Delivery within 60 calendar days"
        )
        seed = Seed(product.parts().records, [limit], url=product.prepared.databases.app_url)
        client = Client(product.prepared.settings.public_url, product.prepared.token)
        ingested = documents(product, client, seed.project.project_id, small)
        evaluated = evaluations(product, seed, ruled)
    figures = {
        "documents": small,
        "documents_per_minute": round(small / ingested * 60),
        "evaluations": ruled,
        "evaluations_per_minute": round(ruled / evaluated * 60),
    }
    write("cheap_jobs", figures, goal=">= 100 jobs a minute (W125)")


if __name__ == "__main__":
    main()
