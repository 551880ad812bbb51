"""Milliseconds per durable state of the local runner, and how fast an answered wait goes on (goals: 3 ms, 200 ms).

Run: python -m bench.state_machine. Writes bench/results/state_machine.json.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from bench.results import percentile, write
from infra.local.embedded_server import stop_server
from infra.local.postgres import ensure_database
from infra.local.worker import Worker
from shared.adapters.local_workflows import LocalWorkflows

STATES = 10
EXECUTIONS = 100
ANSWERS = 50


class Direct:
    """Lends one connection that stays open."""

    def __init__(self, url: str) -> None:
        self._url = url

    def connection(self) -> psycopg.Connection[Any]:
        """A connection that commits when left."""
        return psycopg.connect(self._url)


def chain() -> dict[str, Any]:
    """A machine of ten Task states."""
    names = [f"S{number}" for number in range(STATES)]
    states: dict[str, Any] = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        go = {"Next": following} if following else {"End": True}
        states[name] = {"Type": "Task", "Resource": "${Echo}", "ResultPath": "$.r", **go}
    return {"StartAt": names[0], "States": states}


def wait_then_task() -> dict[str, Any]:
    """A callback followed by a Task that notes when it was entered."""
    parameters = {"FunctionName": "${Ask}", "Payload": {"token.$": "$$.Task.Token"}}
    ask = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": parameters}
    return {
        "StartAt": "A",
        "States": {"A": {**ask, "Next": "B"}, "B": {"Type": "Task", "Resource": "${Note}", "End": True}},
    }


def measure(url: str, folder: Path) -> Mapping[str, float]:
    """Run the machines and return milliseconds."""
    (folder / "chain.asl.json").write_text(json.dumps(chain()))
    (folder / "ask.asl.json").write_text(json.dumps(wait_then_task()))
    tokens: list[str] = []
    arrived, noted = threading.Semaphore(0), threading.Semaphore(0)

    def ask(event: Any, _context: Any) -> None:
        tokens.append(event["token"])
        arrived.release()

    def note(_event: Any, _context: Any) -> None:
        noted.release()

    functions = {"echo": lambda event, _context: {"n": 1}, "ask": ask, "note": note}
    workflows = LocalWorkflows(Direct(url), folder)
    worker = Worker(url, threads=4, resolve=functions.__getitem__, queues={}, schedules={})
    worker.start()
    alone = [timed(url, workflows, [f"alone-{number}"]) / STATES for number in range(20)]
    together = timed(url, workflows, [f"many-{number}" for number in range(EXECUTIONS)]) / (EXECUTIONS * STATES)
    answers = []
    for number in range(ANSWERS):
        workflows.start("ask", name=f"ask-{number}", input={})
        arrived.acquire()
        time.sleep(0.02)
        begun = time.perf_counter()
        workflows.succeed(tokens[-1], {})
        noted.acquire()
        answers.append((time.perf_counter() - begun) * 1000)
    worker.stop()
    return {
        "ms_per_state_one_execution": round(statistics.median(alone), 2),
        "ms_per_state_many_executions": round(together, 2),
        "answer_to_next_state_ms_p50": round(statistics.median(answers), 2),
        "answer_to_next_state_ms_p95": round(percentile(answers, 0.95), 2),
    }


def timed(url: str, workflows: LocalWorkflows, names: list[str]) -> float:
    """Milliseconds from the first start to the last end, by the rows; asking for the end must not slow the work."""
    for name in names:
        workflows.start("chain", name=name, input={"x": "y" * 200})
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(
            "select from local_platform.executions where machine = 'chain' and status = 'RUNNING' limit 1"
        ).rowcount:
            time.sleep(0.02)
        row = connection.execute(
            """select extract(epoch from max(ended_at) - min(started_at))::float * 1000
                 from local_platform.executions where name = any(%s)""",
            [names],
        ).fetchone()
    assert row is not None
    return float(row[0])


def main() -> None:
    """Measure on a fresh, durable embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        figures = dict(measure(ensure_database(root / "data").platform_url, root))
        stop_server(root / "data" / "postgres")
    write("state_machine", figures, goal="<= 3 ms per durable state; <= 200 ms from answer to next state (W95)")


if __name__ == "__main__":
    main()
