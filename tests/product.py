"""The product inside the test process: real adapters on the worker's database, a real local worker, real files."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from functions.entry import call
from infra.local.demo_client import MEDIA_TYPES
from infra.local.postgres import Databases
from infra.local.state_machine import Resolve, resolve_function
from infra.local.worker import Worker
from shared import wiring
from shared.domain.context import Actor
from shared.domain.jobs import Job
from shared.domain.upload_rules import DeclaredFile
from shared.settings import Settings
from shared.usecases import search
from shared.usecases.finish_upload import FinishedFile, FinishUpload, finish_upload
from shared.usecases.open_upload import OpenUpload, open_upload
from shared.wiring import Parts, Services
from tests.records import new_tenant


@dataclass
class TestProduct:
    """Services, a tenant and how to call use cases as one of its people."""

    __test__ = False
    made: Services
    tenant_id: str
    databases: Databases

    def parts(self, *, actor_id: str = "usr_agent", roles: tuple[str, ...] = ("agent",), kind: str = "user") -> Parts:
        """The parts of one call."""
        who = Actor(tenant_id=self.tenant_id, actor_id=actor_id, roles=frozenset(roles), kind=kind, trace_id="a" * 32)
        return self.made.bind(who)

    def run(self, usecase: Any, command: Any, **who: Any) -> Any:
        """Call a use case."""
        return call(usecase, command, self.parts(**who))

    def wait_for_job(self, job_id: str, *, until: tuple[str, ...] = (), seconds: float = 120.0) -> Job:
        """Poll until the job ended, waits for a person or has one of the states; fails the test after the time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.parts().records.jobs.get(job_id)
            if job.status in ("succeeded", "failed", "canceled", *until) or job.waiting_on:
                return job
            time.sleep(0.02)
        raise AssertionError(f"{job} did not end")

    def upload(
        self, project_id: str, supplier_id: str | None, *paths: Path, doc_type: str = "bid"
    ) -> list[FinishedFile]:
        """Open a session, put the bytes where the links point, and finish it."""
        declared = tuple(
            DeclaredFile(
                filename=path.name,
                doc_type=doc_type,
                role="primary" if n == 0 else "attachment",
                size_bytes=path.stat().st_size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                media_type=MEDIA_TYPES[path.suffix],
            )
            for n, path in enumerate(paths)
        )
        opened = self.run(open_upload, OpenUpload(project_id=project_id, supplier_id=supplier_id, files=declared))
        for file, path in zip(opened.files, paths, strict=True):
            self.made.objects.put(file.object_key, path.read_bytes(), media_type=file.media_type)
        done = self.run(finish_upload, FinishUpload(upload_id=opened.upload.upload_id))
        return list(done.items)


def settings_for(databases: Databases, folder: Path) -> Settings:
    """Settings of a product over the test database and a folder of its own."""
    return Settings(
        database_url=databases.app_url,
        relay_url=databases.relay_url,
        dispatch_url=databases.dispatch_url,
        sweep_url=databases.sweep_url,
        platform_url=databases.platform_url,
        master_key="m" * 43,
        data_dir=folder,
        public_url="http://127.0.0.1:1",
    )


@contextmanager
def running_product(
    databases: Databases,
    folder: Path,
    prepare: Callable[[Services], None] = lambda made: None,
    *,
    resolve: Resolve = resolve_function,
) -> Iterator[TestProduct]:
    """A product whose worker runs in this process until the end of the block; `prepare` sees it before the worker,
    `resolve` finds the worker's functions."""
    with standing_product(databases, folder, prepare) as product:
        worker = Worker(product.made.settings.platform_url, threads=4, resolve=resolve)
        worker.start()
        try:
            yield product
        finally:
            assert worker.stop(30)


@contextmanager
def standing_product(
    databases: Databases, folder: Path, prepare: Callable[[Services], None] = lambda made: None
) -> Iterator[TestProduct]:
    """A product without a worker, for tests that start their own."""
    with environment_of(settings_for(databases, folder)):
        wiring.forget_services()
        prepare(wiring.services())
        try:
            yield TestProduct(wiring.services(), new_tenant(databases), databases)
        finally:
            wiring.services().close()
            wiring.forget_services()


@contextmanager
def environment_of(settings: Settings) -> Iterator[None]:
    """The settings as the process reads them, and a search that a slow machine does not cut short: its deadline has
    tests of its own. Everything is as before after the block."""
    with pytest.MonkeyPatch.context() as patch:
        for row in fields(Settings):
            patch.setenv(row.metadata["env"], str(getattr(settings, row.name)))
        patch.setattr(search, "DEADLINE_MS", 10 * search.DEADLINE_MS)
        yield
