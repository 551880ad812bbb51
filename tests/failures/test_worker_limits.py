"""A worker without disk, memory or permission: a coded failure, then a retry or the dead letters (F36)."""

import ctypes
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.parser_process import MIB, Limits, ParserRegistry
from shared.wiring import Services
from tests.failures.faults import hurried
from tests.failures.promises import check_promises
from tests.failures.work import a_text, beside, evaluate, send
from tests.product import TestProduct, running_product

NOBODY = 65534
Trouble = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def full_disk(_folder: Path) -> Iterator[None]:
    """No file of this process may grow beyond nothing, as on a disk that is full: writes fail with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signalled = signal.getsignal(signal.SIGXFSZ)
    assert signalled in (signal.SIG_IGN, None), "Python ignores the signal, so that the write fails instead"
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def no_permission(folder: Path) -> Iterator[None]:
    """The folder may not be entered: for root, whom no mode stops, this thread touches files as nobody."""
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0:
        libc.setfsuid(NOBODY)
    else:
        folder.chmod(0)
    try:
        yield
    finally:
        libc.setfsuid(os.geteuid())
        folder.chmod(0o700)


@dataclass
class Troubled:
    """Objects whose calls meet the troubles of the test, one each, and then work."""

    real: Any
    folder: Path
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        waiting = self.troubles.get(name)
        if not waiting:
            return found

        def call(*given: Any, **named: Any) -> Any:
            with waiting.pop(0)(self.folder):
                return found(*given, **named)

        return call

    @contextmanager
    def as_file(self, key: str) -> Iterator[Path]:
        """As the objects'; the trouble is at the opening."""
        waiting = self.troubles.get("as_file", [])
        with ExitStack() as stack:
            with waiting.pop(0)(self.folder) if waiting else nullcontext():
                path = stack.enter_context(self.real.as_file(key))
            yield path


@dataclass
class Stand:
    """A product whose objects, parsers and tables can be troubled."""

    product: TestProduct
    objects: Troubled
    databases: Databases

    def owner(self, statement: str) -> None:
        """One statement as the owner of the tables."""
        with psycopg.connect(self.databases.owner_url) as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def stand(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    seen: list[Troubled] = []

    def prepare(made: Services) -> None:
        seen.append(Troubled(made.objects, made.settings.data_dir / "objects"))
        vars(made)["objects"] = seen[0]

    with (
        hurried(own_databases.platform_url),
        running_product(own_databases, tmp_path_factory.mktemp("limits"), prepare) as product,
    ):
        yield Stand(product, seen[0], own_databases)


def test_f36_a_file_that_may_not_be_read_for_a_moment_is_read_by_the_retry(stand: Stand, tmp_path: Path) -> None:
    stand.objects.troubles["as_file"] = [no_permission]
    _, job_id = send(stand.product, a_text(tmp_path, "unreadable"))
    assert stand.product.wait_for_job(job_id).retry_count == 1
    rows = check_promises(stand.product, job_id, "succeeded")
    assert [code for _, code, _, _ in rows.attempts(job_id, "InspectFile")] == ["DEPENDENCY_UNAVAILABLE", None]


@pytest.mark.parametrize("trouble", [full_disk, no_permission])
def test_f36_a_report_that_cannot_be_written_for_a_moment_is_written_by_the_retry(
    stand: Stand, trouble: Trouble
) -> None:
    product = beside(stand.product)
    stand.objects.troubles["put"] = [trouble, trouble]
    started = evaluate(product)
    assert product.wait_for_job(started.job.job_id).retry_count == 2
    rows = check_promises(product, started.job.job_id, "succeeded")
    failed = [code for _, code, _, _ in rows.attempts(started.job.job_id, "BuildReport")]
    assert failed == ["DEPENDENCY_UNAVAILABLE", "DEPENDENCY_UNAVAILABLE", None]
    assert rows.column("select version from reports") == [1]


@pytest.mark.parametrize("trouble", [full_disk, no_permission])
def test_f36_a_report_that_can_never_be_written_goes_to_the_dead_letters(stand: Stand, trouble: Trouble) -> None:
    product = beside(stand.product)
    stand.objects.troubles["put"] = [trouble] * 4
    started = evaluate(product)
    product.wait_for_job(started.job.job_id)
    rows = check_promises(product, started.job.job_id, "failed", code="DEPENDENCY_UNAVAILABLE")
    assert rows.column("select version from reports") == []
    assert rows.column("select status from evaluations") == ["failed"]


def test_f36_a_document_for_which_no_parser_has_the_memory_goes_to_the_dead_letters(
    stand: Stand, tmp_path: Path
) -> None:
    made = stand.product.made
    roomy, cramped = made.parsers, ParserRegistry(Limits(memory_bytes=2 * MIB))
    vars(made)["parsers"] = cramped
    path = a_text(tmp_path, "large")
    path.write_text("\n".join(f"Shelf {number} of the bid is made of oak." for number in range(200_000)))
    try:
        document_id, job_id = send(stand.product, path)
        stand.product.wait_for_job(job_id)
    finally:
        cramped.close()
        vars(made)["parsers"] = roomy
    rows = check_promises(stand.product, job_id, "failed", code="DOC_PARSE_MEMORY_LIMIT")
    assert [code for _, code, _, _ in rows.attempts(job_id, "RoutePages")] == ["DOC_PARSE_MEMORY_LIMIT"] * 4
    assert rows.column("select status from documents where document_id = %s", document_id) == ["parse_failed"]


def test_f36_a_login_that_lost_its_permission_ends_in_the_dead_letters(stand: Stand) -> None:
    product = beside(stand.product)
    stand.owner("revoke insert on reports from bidproof_app")
    try:
        started = evaluate(product)
        product.wait_for_job(started.job.job_id)
    finally:
        stand.owner("grant insert on reports to bidproof_app")
    rows = check_promises(product, started.job.job_id, "failed", code="INTERNAL_ERROR")
    assert rows.column("select version from reports") == []
    assert rows.column("select status from evaluations") == ["failed"]
