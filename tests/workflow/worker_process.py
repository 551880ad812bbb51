"""A worker as a process of its own, to be killed: python -m tests.workflow.worker_process URL FOLDER [SECONDS]."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.local.worker import DRAIN, Worker, run_until_stopped


def functions(folder: Path) -> dict[str, Callable[[Any, Any], Any]]:
    """`work` notes its call (by key, `message` for one of a queue) and waits while `hold` or `hold-KEY` exists.

    `ask` keeps its token in a file.
    """

    def work(event: Any, _context: Any) -> Any:
        key = event.get("key", "message")
        handle = os.open(folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{key}\n".encode())
        os.close(handle)
        while (folder / "hold").exists() or (folder / f"hold-{key}").exists():
            time.sleep(0.005)
        return {"done": event.get("key")}

    def ask(event: Any, _context: Any) -> None:
        fresh = folder / f"{event['key']}.new"
        fresh.write_text(event["token"])
        fresh.rename(folder / f"{event['key']}.token")

    return {"work": work, "ask": ask}


if __name__ == "__main__":
    _, url, place, *drain = sys.argv
    known = functions(Path(place))
    made = Worker(url, threads=3, resolve=known.__getitem__, queues={"q": "work"}, schedules={})
    run_until_stopped(made, drain=float(drain[0]) if drain else DRAIN)
