"""Under which name a failed step leaves, and how large its result may be (spec W6, W23)."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions import entry
from infra.local.postgres import Databases
from shared.domain.context import Actor
from shared.domain.error_catalogue import CATALOGUE
from shared.domain.errors import CodedError, ModelUnavailable, Permanent, Refused, Retryable
from shared.domain.jobs import Job
from shared.domain.payloads import PAYLOAD_LIMIT
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.wiring import Parts
from shared.wiring.local import LocalServices
from tests.product import settings_for
from tests.records import new_tenant
from tests.rows import a_document, an_ingest_job

Step = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """A command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A result."""

    text: str


class Context:
    """What Lambda tells a handler."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@dataclass
class Stand:
    """A claimed job whose steps end as told."""

    parts: Parts
    job_id: str
    run_id: str

    def step(self, ends: Any, *, attempt: int = 0, item: str = "") -> dict[str, Any]:
        """Run a step that raises the error or returns the result."""

        def usecase(command: Nothing) -> Any:
            if isinstance(ends, Exception):
                raise ends
            return ends

        scope = {"tenant_id": self.parts.actor.tenant_id, "job_id": self.job_id, "run_id": self.run_id}
        scope |= {"trace": "0" * 32, "state": "ParseRange", "attempt": attempt, "item": item}  # type: ignore[dict-item]
        return entry.step(Nothing, usecase)({"scope": scope, "command": {}}, Context())

    def error(self, raised: CodedError, **where: Any) -> CodedError:
        """What the machine sees of the error."""
        with pytest.raises(CodedError) as caught:
            self.step(raised, **where)
        assert (caught.value.code, str(caught.value)) == (raised.code, str(raised))
        assert caught.value.details == raised.details
        return caught.value

    def attempts(self, item: str = "") -> list[tuple[str | None, bool | None]]:
        """Code and `retryable` of the noted tries."""
        rows = self.parts.records.session.rows(
            "select error_code, retryable from step_attempts where run_id = %(run)s and item_key = %(item)s"
            " order by attempt",
            run=self.run_id,
            item=item,
        )
        return [(row["error_code"], row["retryable"]) for row in rows]

    @property
    def job(self) -> Job:
        """The job now."""
        found: Job = self.parts.records.jobs.get(self.job_id)
        return found


@pytest.fixture
def stand(databases: Databases, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Stand]:
    """A stand of its own, without the waits between tries."""
    services = LocalServices(settings_for(databases, tmp_path))
    monkeypatch.setattr(entry, "services", lambda: services)
    monkeypatch.setattr(entry, "retry_jitter_seconds", lambda attempt, chance: 0.0)
    parts = services.bind(Actor(tenant_id=new_tenant(databases), actor_id="system", kind="system"))
    job = an_ingest_job(parts.records, a_document(parts.records))
    run_id = parts.records.jobs.newest_run(job.job_id).run_id
    claim_job(ClaimJob(job_id=job.job_id, run_id=run_id), records=parts.records)
    yield Stand(parts, job.job_id, run_id)
    services.close()


@pytest.mark.parametrize("kind", [Refused, Retryable, Permanent])
def test_the_catalogue_decides_whether_a_code_is_retried_not_the_class_it_is_raised_with(
    stand: Stand, kind: type[CodedError]
) -> None:
    for code in ("DOC_PARSE_TIMEOUT", "CHECKSUM_MISMATCH", "DOC_PARSE_PDF_CORRUPT", "JOB_CANCELED", "RULE_PACK_CYCLE"):
        seen = stand.error(kind(code, "why", details={"page": 3}), item=code)
        transient = CATALOGUE[code].kind == "transient"
        assert isinstance(seen, Retryable) == transient, code
        assert stand.attempts(code) == [(code, transient)]


@pytest.mark.parametrize("code", ["DOC_PARSE_SCHEMA_INVALID", "LLM_RESPONSE_INVALID"])
def test_a_once_code_gets_one_retry_and_no_second(stand: Stand, code: str) -> None:
    assert type(stand.error(Retryable(code))) is Retryable and stand.job.status == "retrying"
    assert type(stand.error(Retryable("DOC_PARSE_TIMEOUT"), attempt=1)) is Retryable
    assert type(stand.error(Retryable(code), attempt=2)) is Permanent
    assert stand.attempts() == [(code, True), ("DOC_PARSE_TIMEOUT", True), (code, False)]
    assert (stand.job.status, stand.job.retry_count) == ("running", 2)


def test_each_item_of_a_map_counts_its_own_once(stand: Stand) -> None:
    for item in ("0", "1"):
        assert type(stand.error(Retryable("DOC_PARSE_SCHEMA_INVALID"), item=item)) is Retryable
        assert type(stand.error(Retryable("DOC_PARSE_SCHEMA_INVALID"), item=item, attempt=1)) is Permanent


def test_an_earlier_once_code_that_the_same_try_replaces_is_not_counted(stand: Stand) -> None:
    for _ in range(2):  # the function was killed after its note and called again
        assert type(stand.error(Retryable("DOC_PARSE_SCHEMA_INVALID"))) is Retryable


def test_a_name_of_its_own_stays(stand: Stand) -> None:
    assert type(stand.error(ModelUnavailable())) is ModelUnavailable


def test_a_result_above_200_kib_fails_the_step_for_good(stand: Stand) -> None:
    room = PAYLOAD_LIMIT - len('{"text":""}')
    assert stand.step(Told(text="x" * room)) == {"text": "x" * room}
    with pytest.raises(Permanent) as caught:
        stand.step(Told(text="x" * (room + 1)), item="1")
    assert caught.value.code == "WF_PAYLOAD_TOO_LARGE"
    assert caught.value.details == {"bytes": PAYLOAD_LIMIT + 1, "limit": PAYLOAD_LIMIT}
    assert stand.attempts("1") == [("WF_PAYLOAD_TOO_LARGE", False)]
    assert stand.job.status == "running"


def test_a_result_in_chinese_is_counted_as_it_travels(stand: Stand) -> None:
    with pytest.raises(Permanent):
        stand.step(Told(text="标" * (PAYLOAD_LIMIT // 6 + 1) + secrets.token_hex(1)))


def test_a_try_after_one_that_left_no_word_notes_both_moves_at_its_start(stand: Stand) -> None:
    stand.step(Told(text="first"), attempt=1)
    assert (stand.job.status, stand.job.retry_count) == ("running", 1)


def test_a_try_inside_a_map_leaves_the_job_running_and_uncounted(stand: Stand) -> None:
    stand.step(Told(text="first"), attempt=1, item="0")
    assert (stand.job.status, stand.job.retry_count) == ("running", 0)


def test_a_last_step_whose_success_was_not_heard_ends_well_and_does_nothing_again(stand: Stand) -> None:
    records = stand.parts.records
    records.moves.job(records.jobs.get(stand.job_id), "succeeded")
    assert stand.step(AssertionError("called again"), attempt=1) == {}
