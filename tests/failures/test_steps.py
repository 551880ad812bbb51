"""A step that works, fails once, fails three times, or reads fewer pages than it should (F1, F2, F3, F12)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.domain.blocks import ParsedRange
from shared.domain.errors import Retryable
from shared.wiring import Services
from tests.failures.faults import Failing, Parsers, hurried
from tests.failures.promises import Rows, check_promises
from tests.failures.work import a_pdf, a_text, evaluate, send
from tests.product import TestProduct, running_product

BLIPS: dict[str, list[Exception]] = {"inspect": [], "parse": []}
PAUSES = """
create table local_platform.pauses (execution_id text, state text, due_at timestamptz, seconds double precision);
create function local_platform.note_pause() returns trigger language plpgsql as $$
begin
  insert into local_platform.pauses values (new.execution_id, new.state, new.due_at,
    extract(epoch from new.due_at - clock_timestamp()));
  return null;
end $$;
create trigger note_pause after update on local_platform.frames for each row
  when (new.retry_count > old.retry_count) execute function local_platform.note_pause();"""


def blip() -> Exception:
    """What an adapter raises when a service is away for a moment."""
    return Retryable("DEPENDENCY_UNAVAILABLE", "away for a moment")


class ForgetfulParser:
    """A parser that answers like the real one but for the last page of the bid named `short`."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.name, self.version, self.survey = real.name, real.version, real.survey

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        """As the parser's, without the blocks of page 3 and as if the range ended before it, or silently."""
        found: ParsedRange = self._real.parse(path, media_type, first, last)
        kept = tuple(block for block in found.blocks if block.page < 3)
        if any("of short holds" in block.text for block in kept):
            return ParsedRange(first, 2, kept)
        return replace(found, blocks=kept) if any("of silent holds" in block.text for block in kept) else found


def prepare(made: Services) -> None:
    """An inspector and parsers that fail as often as BLIPS says, and forget pages of some bids."""
    vars(made)["inspector"] = Failing(made.inspector, "inspect", BLIPS["inspect"])
    around = lambda parser: Failing(ForgetfulParser(parser), "parse", BLIPS["parse"])  # noqa: E731
    vars(made)["parsers"] = Parsers(made.parsers, around)


@pytest.fixture(scope="module")
def product(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProduct]:
    with psycopg.connect(own_databases.platform_url) as connection:
        connection.execute(PAUSES)
    with (
        hurried(own_databases.platform_url),
        running_product(own_databases, tmp_path_factory.mktemp("steps"), prepare) as running,
    ):
        yield running


def pauses_between_tries(rows: Rows, job_id: str, step: str, item: str = "") -> list[int]:
    """The whole seconds between the tries of a step: never before them, and never later than they ask for."""
    found = []
    noted = rows.platform(
        "select due_at, seconds from local_platform.pauses where execution_id like %s and state = %s order by due_at",
        f"%:{job_id}-%",
        step,
    )
    tries = rows.attempts(job_id, step, item)
    assert [each[0] for each in tries] == list(range(len(noted) + 1))
    for (due_at, left), (_, code, _, ended_at), again in zip(noted, tries, tries[1:], strict=False):
        assert code == "DEPENDENCY_UNAVAILABLE"
        waits = next(seconds for seconds in (1, 2, 4, 8) if left <= seconds)
        assert (due_at - ended_at).total_seconds() >= waits
        assert again[2] >= ended_at
        found.append(waits)
    assert tries[-1][1] is None
    return found


def test_f01_an_undisturbed_document_is_queued_running_succeeded_and_told_once(
    product: TestProduct, tmp_path: Path
) -> None:
    document_id, job_id = send(product, a_text(tmp_path, "calm"))
    assert product.wait_for_job(job_id).retry_count == 0
    rows = check_promises(product, job_id, "succeeded")
    assert rows.states(job_id) == ["queued", "running", "succeeded"]
    assert rows.told(job_id) == {"run.stage.changed": 3, "run.succeeded": 1, "run.closed": 1}
    assert rows.column("select status from documents where document_id = %s", document_id) == ["indexed"]


def test_f01_an_undisturbed_evaluation_is_queued_running_succeeded_with_one_report(product: TestProduct) -> None:
    started = evaluate(product)
    evaluation_id, job_id = started.evaluation.evaluation_id, started.job.job_id
    assert product.wait_for_job(job_id).retry_count == 0
    rows = check_promises(product, job_id, "succeeded")
    assert rows.states(job_id) == ["queued", "running", "succeeded"]
    assert rows.told(job_id) == {"criterion.finished": 1, "run.stage.changed": 3, "run.succeeded": 1, "run.closed": 1}
    assert rows.column("select version from reports where evaluation_id = %s", evaluation_id) == [1]
    assert rows.column("select revision from verdicts where evaluation_id = %s", evaluation_id) == [1]
    about = "select event_type from outbox_events where aggregate_id in (%s, %s) order by event_type"
    sent = ["evaluation.started", "job.queued", "job.started", "job.succeeded", "report.generated"]
    assert rows.column(about, evaluation_id, job_id) == sent


def test_f02_a_step_that_fails_once_is_retried_and_the_job_says_so(product: TestProduct, tmp_path: Path) -> None:
    BLIPS["inspect"][:] = [blip()]
    _, job_id = send(product, a_text(tmp_path, "one"))
    assert product.wait_for_job(job_id).retry_count == 1
    rows = check_promises(product, job_id, "succeeded")
    assert rows.states(job_id) == ["queued", "running", "retrying", "running", "succeeded"]
    assert pauses_between_tries(rows, job_id, "InspectFile") == [1]


def test_f03_a_step_that_fails_three_times_waits_1_2_and_4_s_and_succeeds(product: TestProduct, tmp_path: Path) -> None:
    BLIPS["inspect"][:] = [blip(), blip(), blip()]
    _, job_id = send(product, a_text(tmp_path, "three"))
    assert product.wait_for_job(job_id).retry_count == 3
    rows = check_promises(product, job_id, "succeeded")
    assert rows.states(job_id) == ["queued", *["running", "retrying"] * 3, "running", "succeeded"]
    assert pauses_between_tries(rows, job_id, "InspectFile") == [1, 2, 4]


def test_f03_inside_a_map_the_job_stays_running_while_an_item_is_retried(product: TestProduct, tmp_path: Path) -> None:
    BLIPS["parse"][:] = [blip(), blip(), blip()]
    _, job_id = send(product, a_text(tmp_path, "item"))
    assert product.wait_for_job(job_id).retry_count == 0
    rows = check_promises(product, job_id, "succeeded")
    assert rows.states(job_id) == ["queued", "running", "succeeded"]
    assert pauses_between_tries(rows, job_id, "ParseRange", "0") == [1, 2, 4]


@pytest.mark.parametrize("name", ["short", "silent"])
def test_f12_a_document_of_which_a_page_was_not_read_is_never_indexed(
    product: TestProduct, tmp_path: Path, name: str
) -> None:
    document_id, job_id = send(product, a_pdf(tmp_path, 3, name))
    product.wait_for_job(job_id)
    rows = check_promises(product, job_id, "failed", code="DOC_PAGES_INCOMPLETE")
    assert rows.states(job_id) == ["queued", "running", "dlq_pending", "dlq_recorded", "failed"]
    seen = rows.column("select action from audit_log where resource_id = %s order by seq", document_id)
    assert (seen[-1], "document.indexed" in seen, "document.parsed" in seen) == ("document.parse_failed", False, False)
    assert rows.column("select chunk_id from chunks where document_id = %s", document_id) == []
    assert product.parts().index.count(document_id) == 0
    [details] = rows.column("select error->'details' from jobs where job_id = %s", job_id)
    assert details["missing"] == [3]
