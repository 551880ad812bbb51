"""A product of the platform's tenant, whose releases go through their machine state by state."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from infra.local.state_machine import LambdaContext, resolve_function
from shared.domain.releases import PLATFORM_TENANT, Release, read_versions
from shared.usecases.start_evaluation import start_evaluation
from shared.usecases.start_release import StartRelease, start_release
from shared.wiring import Parts
from tests.evaluation_seed import BID, Seed, limit_alone
from tests.failures.light_product import light
from tests.failures.stepping import Stepping, Watch
from tests.fakes.word_embedder import WordEmbedder
from tests.product import TestProduct, standing_product
from tests.records import make_records
from tests.releases import Counted, Evidence, Hands, a_release, evidence


@dataclass
class Drill:
    """A product of the platform's tenant, with one evaluated bid as the baseline of replays."""

    product: TestProduct
    steps: Stepping
    hands: Hands
    baseline: str

    @property
    def records(self) -> Any:
        return self.product.parts().records

    def ask(self, made: Evidence | None = None) -> Release:
        """Ask for a release that nobody has begun yet."""
        self.hands.alarm("ok")
        release = a_release(made or evidence(self.product.databases), self.baseline)
        self.product.run(start_release, StartRelease(release_id=release.release_id))
        return self.again(release)

    def begin(self, made: Evidence | None = None) -> Release:
        """Start a release and let it come to its first wait."""
        release = self.ask(made)
        self.steps.run()
        return self.again(release)

    def again(self, release: Release) -> Release:
        found: Release = self.records.releases.get(release.release_id)
        return found

    def look(self, release: Release, times: int = 1) -> Release:
        """Let the machine look that many times more."""
        for _ in range(times):
            self.hands.minute()
            self.steps.run()
        return self.again(release)

    def look_until(self, release: Release, status: str) -> Release:
        """Let the machine look until the release is there; how often depends on how much of a minute has passed."""
        for _ in range(10):
            found = self.look(release)
            if found.status == status:
                return found
        raise AssertionError(f"{found.status} after ten minutes")

    def job_status(self, release: Release) -> str:
        return str(self.records.jobs.get(release.job_id).status)

    def live(self, release: Release) -> dict[str, int]:
        weights = self.product.parts().deployments.weights(read_versions(release.candidate))
        return dict(weights)

    def replay(self) -> None:
        """The evaluations of the replay go through the machine; then the schedule compares."""
        self.steps.run()
        self.compare()
        self.steps.run()

    def no_comparison_in_time(self) -> None:
        """The machine has waited for the comparison for as long as it may."""
        self.hands.platform("update local_platform.tokens set timeout_at = clock_timestamp() - interval '1 second'")
        self.hands.platform("update local_platform.frames set due_at = clock_timestamp() where phase = 'token'")

    def compare(self) -> int:
        """What the schedule calls, as nobody's tenant; how many replays it decided."""
        context = LambdaContext("compare_replays", "request", time.monotonic() + 300)
        return int(resolve_function("compare_replays")({}, context)["compared"])

    def evaluate_again(self) -> str:
        """The baseline's bid is evaluated once more."""
        return str(self.product.parts().replay_evaluation(self.baseline))

    def alerts(self, release: Release) -> list[tuple[str, str]]:
        """Kind and level of what people were told about the release."""
        rows = self.records.session.rows(
            """select payload from outbox_events where event_type = 'alert.raised' and aggregate_id = %(id)s
               order by event_id""",
            id=release.release_id,
        )
        return [(row["payload"]["kind"], row["payload"]["level"]) for row in rows]

    def new_work(self) -> None:
        """A person of another tenant asks for an evaluation."""
        records = make_records(self.product.databases)
        seed = Seed(records, limit_alone(), url=self.product.databases.app_url)
        parts = self.product.parts()
        start_evaluation(seed.command(seed.bid("S-1", *BID)), records=records, ids=parts.ids, clock=parts.clock)


@contextmanager
def standing_drill(databases: Databases, folder: Path) -> Iterator[Drill]:
    """A product without a worker, and the baseline evaluated in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts, "embedder", WordEmbedder())
        patch.setattr(Parts, "figures", Counted())  # the drill's own failures must not freeze the next release (W107)
        patch.setattr(Parts, "report_pages", staticmethod(lambda content: b"%PDF"))
        with standing_product(databases, folder, light) as standing:
            product = TestProduct(standing.made, PLATFORM_TENANT, databases)
            parts, steps = product.parts(), Stepping(product, Watch())
            seed = Seed(parts.records, limit_alone(), url=databases.app_url)
            command = seed.command(seed.bid("S-1", *BID))
            started = start_evaluation(command, records=parts.records, ids=parts.ids, clock=parts.clock)
            steps.run()
            yield Drill(product, steps, Hands(databases), started.evaluation.evaluation_id)
