"""Probes of the spike on kill -9: pipelines of a Map, a person and a report, killed in every part (crash, kill9)."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from tests.workflow.conftest import Shop, until

ROOT = Path(__file__).parents[2]
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
PIPELINES, ITEMS = 5, 4


def worker(shop: Shop) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.workflow.worker_process", shop.url, str(shop.folder)]
    return subprocess.Popen(command, cwd=ROOT)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def calls(shop: Shop) -> list[str]:
    path = shop.folder / "calls"
    return path.read_text().split() if path.exists() else []


def items_done(shop: Shop) -> int:
    with psycopg.connect(shop.url) as connection:
        return connection.execute("select from local_platform.frames where phase = 'done'").rowcount


def work(path: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": "${Work}", "Parameters": {"key.$": path}, **fields}


def pipeline() -> dict[str, Any]:
    processor = {"StartAt": "W", "States": {"W": work("$", End=True)}}
    each = {"Type": "Map", "ItemsPath": "$.l", "MaxConcurrency": 2, "ItemProcessor": processor, "ResultPath": "$.out"}
    payload = {"key.$": "$.name", "token.$": "$$.Task.Token"}
    asks = {"Type": "Task", "Resource": CALLBACK, "Parameters": {"FunctionName": "${Ask}", "Payload": payload}}
    states = {
        "M": {**each, "Next": "H"},
        "H": {**asks, "ResultPath": "$.review", "Next": "R"},
        "R": work("$.end", ResultPath="$.report", OutputPath="$", End=True),
    }
    return {"StartAt": "M", "States": states}


def data(number: int) -> dict[str, Any]:
    return {"name": f"p{number}", "end": f"p{number}-end", "l": [f"p{number}-{item}" for item in range(ITEMS)]}


def test_pipelines_killed_in_the_map_and_before_and_between_the_answers_all_end_right(idle_shop: Shop) -> None:
    chance = random.Random(4)
    refs = [idle_shop.start(pipeline(), data(number)) for number in range(PIPELINES)]
    goals = sorted(chance.sample(range(1, PIPELINES * ITEMS), 2))
    process = worker(idle_shop)
    try:
        for goal in goals:
            until(lambda goal=goal: True if len(calls(idle_shop)) >= goal else None)  # type: ignore[misc]
            kill(process)
            process = worker(idle_shop)
        files = [idle_shop.folder / f"p{number}.token" for number in range(PIPELINES)]
        until(lambda: True if all(file.exists() for file in files) else None)
        kill(process)
        answers = [
            idle_shop.workflows.succeed(file.read_text(), {"decision": number}) for number, file in enumerate(files)
        ]
        assert answers == [True] * PIPELINES
        process = worker(idle_shop)
        until(lambda: True if any(call.endswith("-end") for call in calls(idle_shop)) else None)
        kill(process)
        process = worker(idle_shop)
        for number, ref in enumerate(refs):
            assert idle_shop.wait(ref).output == {
                **data(number),
                "out": [{"done": key} for key in data(number)["l"]],
                "review": {"decision": number},
                "report": {"done": f"p{number}-end"},
            }
    finally:
        kill(process)


def test_a_map_killed_halfway_continues_with_the_items_not_done(idle_shop: Shop) -> None:
    hold = idle_shop.folder / "hold-b"
    hold.touch()
    processor = {"StartAt": "W", "States": {"W": work("$", End=True)}}
    machine = {"Type": "Map", "ItemsPath": "$.l", "MaxConcurrency": 1, "ItemProcessor": processor, "End": True}
    process = worker(idle_shop)
    try:
        ref = idle_shop.start({"StartAt": "M", "States": {"M": machine}}, {"l": list("abc")})
        until(lambda: True if "b" in calls(idle_shop) else None)
        assert items_done(idle_shop) == 1
        kill(process)
        hold.unlink()
        process = worker(idle_shop)
        assert idle_shop.wait(ref).output == [{"done": key} for key in "abc"]
    finally:
        kill(process)
    assert Counter(calls(idle_shop)) == {"a": 1, "b": 2, "c": 1}
