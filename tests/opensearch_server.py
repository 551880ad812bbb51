"""One real OpenSearch for all test workers: the first starts it, a watchdog ends it when the last is gone.

Each worker holds a shared lock while it lives; the kernel drops it with the process, also after kill -9.
"""

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from infra.local.opensearch import java_version, start

CHECKOUT = Path(__file__).parents[1]
ROOT = CHECKOUT / ".local" / "opensearch"


@contextmanager
def shared_server() -> Iterator[str]:
    """The server's address, for as long as the context is open."""
    folder = ROOT / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users.lock").open("w") as users:
        with _exclusive(folder / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "url").exists() or not _watched(folder):
                _start_watchdog(folder)
        yield (folder / "url").read_text(encoding="utf-8")


def enough_java() -> bool:
    """Whether the machine can run the server."""
    return java_version() >= 17


@contextmanager
def starting() -> Iterator[None]:
    """While it is open nobody else starts a server: each takes the first port that is free."""
    folder = ROOT / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder / "start.lock"):
        yield


@contextmanager
def _exclusive(path: Path) -> Iterator[IO[str]]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _watched(folder: Path) -> bool:
    """Whether a watchdog lives: it holds its own lock."""
    with (folder / "watchdog.lock").open("w") as lock:
        return not _lock_now(lock)


def _lock_now(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_watchdog(folder: Path) -> None:
    (folder / "url").unlink(missing_ok=True)
    with (folder / "watchdog.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.opensearch_server"],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while not (folder / "url").exists():
        if process.poll() is not None:
            raise RuntimeError((folder / "watchdog.log").read_text(encoding="utf-8"))
        time.sleep(0.1)


def _watch(folder: Path) -> None:
    """Serve until nobody holds the users' lock; a comer meanwhile waits at the start lock."""
    with (folder / "watchdog.lock").open("w") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        shutil.rmtree(folder / "data", ignore_errors=True)
        server = start(ROOT, folder / "data")
        try:
            (folder / "url.part").write_text(server.url, encoding="utf-8")
            (folder / "url.part").rename(folder / "url")
            while server.process.poll() is None:
                time.sleep(1.0)
                with _exclusive(folder / "start.lock"), (folder / "users.lock").open("w") as users:
                    if _lock_now(users):
                        (folder / "url").unlink(missing_ok=True)
                        return
        finally:
            server.stop()


if __name__ == "__main__":
    _watch(ROOT / "tests")
