"""A thread that renews a lease while work goes on (spec W18)."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.domain.errors import CodedError

LOG = logging.getLogger(__name__)


@contextmanager
def keep_renewing(renew: Callable[[], bool], *, every: float) -> Iterator[None]:
    """Call `renew` each `every` seconds until the block ends or the lease is lost; the fence then refuses the rest.

    A renewal that fails because the database is out is tried again at the next time: 60 s bear two of them."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(every):
            try:
                if not renew():
                    return
            except CodedError as error:
                LOG.warning("BP_LEASE_NOT_RENEWED", extra={"error_code": error.code})

    thread = threading.Thread(target=run, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
