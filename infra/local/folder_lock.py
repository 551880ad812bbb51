"""One product per data folder: who runs there, and whether the processes that a killed one left have ended."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PERIOD_SECONDS = 0.1


class FolderTaken(Exception):
    """Another product runs in the folder; the text says which."""


@contextmanager
def hold_folder(root: Path, url: str, *, patience: float, waiting: Callable[[], None]) -> Iterator[int]:
    """Hold the data folder while the product of this URL runs; raises FolderTaken when somebody else does.

    Yields a descriptor that child processes must inherit: as long as one of them lives, also after a kill of its
    parent, the next product calls `waiting` and then waits up to `patience` seconds for its end."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "up.lock").open("a+") as running, (root / "children.lock").open("w") as children:
        if not _take(running):
            running.seek(0)
            raise FolderTaken(f"Bidproof already runs at {running.read() or 'another port'} with the data of {root}")
        running.truncate(0)
        running.write(url)
        running.flush()
        if not _take(children):
            waiting()
            _wait(children, root, patience)
        yield children.fileno()


def _wait(children: IO[str], root: Path, patience: float) -> None:
    end = time.monotonic() + patience
    while not _take(children):
        if time.monotonic() > end:
            raise FolderTaken(f"processes of a Bidproof that was killed still run with the data of {root}")
        time.sleep(PERIOD_SECONDS)


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
