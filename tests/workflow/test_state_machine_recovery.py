"""Workers are killed, stopped and doubled; nothing is lost, tokens live on."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.adapters.local_queue import LocalQueue
from tests.workflow.conftest import Direct, Shop, until

ROOT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen[bytes]]
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"


@pytest.fixture
def start(idle_shop: Shop) -> Iterator[Start]:
    """Start a worker process; those still running are killed at the end."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.workflow.worker_process", idle_shop.url, str(idle_shop.folder), *more]
        running.append(subprocess.Popen(command, cwd=ROOT))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def task(function: str = "Work", **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"${{{function}}}", **fields}


def two_steps() -> dict[str, Any]:
    return {
        "StartAt": "A",
        "States": {
            "A": task(Parameters={"key.$": "$.a"}, ResultPath="$.first", Next="B"),
            "B": task(Parameters={"key.$": "$.b"}, ResultPath="$.second", End=True),
        },
    }


def calls(shop: Shop) -> list[str]:
    path = shop.folder / "calls"
    return path.read_text().split() if path.exists() else []


def until_called(shop: Shop, key: str) -> None:
    until(lambda: True if key in calls(shop) else None)


def test_a_task_of_a_killed_worker_is_called_again_and_the_one_before_is_not(idle_shop: Shop, start: Start) -> None:
    hold = idle_shop.folder / "hold-b"
    hold.touch()
    first = start()
    ref = idle_shop.start(two_steps(), {"a": "a", "b": "b"})
    until_called(idle_shop, "b")
    first.kill()
    first.wait()
    hold.unlink()
    start()
    assert idle_shop.wait(ref).output["second"] == {"done": "b"}
    assert Counter(calls(idle_shop)) == {"a": 1, "b": 2}


def test_a_waiting_token_survives_kill_9(idle_shop: Shop, start: Start) -> None:
    parameters = {"FunctionName": "${Ask}", "Payload": {"key": "k", "token.$": "$$.Task.Token"}}
    ask = {"Type": "Task", "Resource": CALLBACK, "Parameters": parameters, "End": True}
    first = start()
    ref = idle_shop.start({"StartAt": "A", "States": {"A": ask}})
    path = idle_shop.folder / "k.token"
    until(lambda: True if path.exists() else None)
    first.kill()
    first.wait()
    assert idle_shop.workflows.succeed(path.read_text(), {"decision": "approve"})
    assert idle_shop.look(ref).status == "RUNNING"
    start()
    assert idle_shop.wait(ref).output == {"decision": "approve"}


def test_f25_a_function_that_outlives_its_connection_is_called_again_only_after_it_ended(shop: Shop) -> None:
    entered, release, lock = threading.Event(), threading.Event(), threading.Lock()
    running, seen = [0], list[int]()

    def slow(_event: Any, _context: Any) -> dict[str, bool]:
        with lock:
            running[0] += 1
            seen.append(running[0])
        entered.set()
        assert release.wait(20)
        with lock:
            running[0] -= 1
        return {"done": True}

    shop.functions |= {"slow": slow, "quick": lambda _event, _context: {"quick": True}}
    ref = shop.start({"StartAt": "S", "States": {"S": task("Slow", End=True)}})
    assert entered.wait(20)
    with psycopg.connect(shop.url) as connection:
        connection.execute("""select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and usename = current_user and pid <> pg_backend_pid()""")
    for _ in range(3):  # the other threads are back and would have found the older line first
        assert shop.output({"StartAt": "Q", "States": {"Q": task("Quick", End=True)}}) == {"quick": True}
    assert seen == [1]
    release.set()
    assert shop.wait(ref).output == {"done": True}
    assert seen == [1, 1]


def test_no_execution_is_lost_by_many_kills(idle_shop: Shop, start: Start) -> None:
    processor = {"StartAt": "W", "States": {"W": task(Parameters={"key.$": "$"}, End=True)}}
    each = {"Type": "Map", "ItemsPath": "$.l", "MaxConcurrency": 2, "ItemProcessor": processor, "ResultPath": "$.out"}
    machine = {
        "StartAt": "M",
        "States": {"M": {**each, "Next": "A"}, "A": task(Parameters={"key.$": "$.a"}, ResultPath="$.last", End=True)},
    }
    refs = [
        idle_shop.start(machine, {"l": [f"{number}-{item}" for item in range(4)], "a": f"{number}-end"})
        for number in range(12)
    ]
    for kill in range(1, 4):
        process = start()
        until(lambda goal=kill * 8: True if len(calls(idle_shop)) >= goal else None)  # type: ignore[misc]
        process.kill()
        process.wait()
    start()
    for number, ref in enumerate(refs):
        ended = idle_shop.wait(ref)
        assert ended.output["out"] == [{"done": f"{number}-{item}"} for item in range(4)]
        assert ended.output["last"] == {"done": f"{number}-end"}


def test_two_workers_call_each_task_once(idle_shop: Shop, start: Start) -> None:
    start()
    start()
    refs = [idle_shop.start(two_steps(), {"a": f"a{number}", "b": f"b{number}"}) for number in range(25)]
    for ref in refs:
        assert idle_shop.wait(ref).status == "SUCCEEDED"
    assert set(Counter(calls(idle_shop)).values()) == {1}
    assert len(calls(idle_shop)) == 50


def test_a_stopped_worker_finishes_what_it_does_and_takes_nothing_new(idle_shop: Shop, start: Start) -> None:
    hold = idle_shop.folder / "hold"
    hold.touch()
    process = start()
    ref = idle_shop.start(two_steps(), {"a": "a", "b": "b"})
    until_called(idle_shop, "a")
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    hold.unlink()
    assert process.wait(30) == 0
    assert calls(idle_shop) == ["a"]
    assert idle_shop.look(ref).status == "RUNNING"
    start()
    assert idle_shop.wait(ref).output["second"] == {"done": "b"}
    assert calls(idle_shop) == ["a", "b"]


def test_a_stopped_worker_gives_back_what_does_not_end(idle_shop: Shop, start: Start) -> None:
    hold = idle_shop.folder / "hold"
    hold.touch()
    process = start("0.2")
    ref = idle_shop.start(two_steps(), {"a": "a", "b": "b"})
    until_called(idle_shop, "a")
    process.terminate()
    assert process.wait(30) == 1
    hold.unlink()
    start()
    assert idle_shop.wait(ref).status == "SUCCEEDED"
    assert Counter(calls(idle_shop)) == {"a": 2, "b": 1}


def test_a_message_of_a_killed_worker_is_delivered_again(idle_shop: Shop, start: Start) -> None:
    hold = idle_shop.folder / "hold"
    hold.touch()
    process = start()
    LocalQueue(Direct(idle_shop.url)).send("q", {"key": "m"})
    until_called(idle_shop, "message")
    process.kill()
    process.wait()
    hold.unlink()
    start()
    until(lambda: True if messages(idle_shop) == 0 else None)
    assert calls(idle_shop) == ["message", "message"]


def messages(shop: Shop) -> int:
    with psycopg.connect(shop.url) as connection:
        row = connection.execute("select count(*) from local_platform.messages").fetchone()
    assert row is not None
    return int(row[0])


def test_a_worker_ends_with_its_parent(idle_shop: Shop) -> None:
    script = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-m', "
        f"'tests.workflow.worker_process', {idle_shop.url!r}, {str(idle_shop.folder)!r}]); "
        "print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    ref = idle_shop.start({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    assert idle_shop.wait(ref).status == "SUCCEEDED"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: True if gone(child) else None)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"
