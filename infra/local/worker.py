"""The process that runs executions, delivers messages and keeps schedules; start as many as the machine bears."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping

import psycopg

from infra.local.asl_definition import read_definition
from infra.local.asl_rows import Connection, forget_old, sweep
from infra.local.deliveries import DEAD, deliver_next, register_schedules, run_schedule
from infra.local.events import QUEUES, SCHEDULES, TIMEOUTS
from infra.local.lifeline import given_parent
from infra.local.state_machine import Resolve, StateMachine, resolve_function
from shared.adapters.json_logs import log_json
from shared.adapters.local_workflows import MACHINES
from shared.settings import Settings, read_settings

POLL = 0.5  # seconds; a lost notification costs this much
SWEEP_EVERY = 1.0
DRAIN = 25.0  # seconds that handlers get to finish after SIGTERM (W127: gone within 30 s)
ORPHAN_DRAIN = 2.0  # the same after a kill of the parent, when the next product already waits to start
MESSAGE_THREADS = 2
TASK_THREADS = 2  # for queues whose functions may take minutes, so that no export keeps a job waiting
SCHEDULE_THREADS = 3  # a sweep that takes a minute does not hold up the relay
RELAY = "relay_outbox"
LOG = logging.getLogger(__name__)
_NEXT_DUE = """
select least(0.5, extract(epoch from min(due) - clock_timestamp())::float) from (
  (select due_at as due from local_platform.frames where due_at > clock_timestamp() order by due_at limit 1) union all
  (select due_at from local_platform.schedules where due_at > clock_timestamp() order by due_at limit 1) union all
  (select available_at from local_platform.messages where not dead and available_at > clock_timestamp()
    order by available_at limit 1)) as coming"""


class Bell:
    """Wakes the threads of one kind; rung while they work it makes them look once more."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.rings = 0

    def ring(self) -> None:
        """Wake everybody who waits."""
        with self._condition:
            self.rings += 1
            self._condition.notify_all()

    def wait(self, heard: int, timeout: float) -> None:
        """Wait for a ring after the `heard` one."""
        with self._condition:
            self._condition.wait_for(lambda: self.rings != heard, timeout)


class Worker:
    """`threads` handlers at once, plus threads for answered waits, messages, task jobs and schedules."""

    def __init__(
        self,
        platform_url: str,
        *,
        threads: int = 4,
        resolve: Resolve = resolve_function,
        queues: Mapping[str, str] = QUEUES,
        schedules: Mapping[str, float] = SCHEDULES,
    ) -> None:
        self._url, self._resolve, self._queues, self._schedules = platform_url, resolve, queues, schedules
        self._stopping = threading.Event()
        self._bells = {"bidproof_work": Bell(), "bidproof_messages": Bell(), "bidproof_outbox": Bell()}
        self._nudges = self._nudges_done = 0
        self._machine = machine = StateMachine(resolve)
        slow = {q: function for q, function in queues.items() if queues.get(q.removesuffix(DEAD)) in TIMEOUTS}
        quick = {queue: function for queue, function in queues.items() if queue not in slow}
        self._jobs: list[tuple[str, Callable[[Connection], bool]]] = [
            ("bidproof_work", self._go_on),
            *[("bidproof_work", machine.run_next)] * threads,
            *[("bidproof_messages", lambda connection: deliver_next(connection, resolve, quick))] * MESSAGE_THREADS,
            *[("bidproof_messages", lambda connection: deliver_next(connection, resolve, slow))] * TASK_THREADS,
            *[("bidproof_outbox", self._schedule)] * SCHEDULE_THREADS,
        ]
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start all threads and return."""
        targets = [(self._work, job) for job in self._jobs]
        self._threads = [threading.Thread(target=target, args=job, daemon=True) for target, job in targets]
        self._threads.append(threading.Thread(target=self._coordinate, daemon=True))
        for thread in self._threads:
            thread.start()

    def is_whole(self) -> bool:
        """Whether every thread lives; one that met a bug is gone, and only a new process replaces it."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self, timeout: float = DRAIN) -> bool:
        """Take nothing new and wait for what runs; False when something still ran after `timeout` seconds.

        What still runs loses its row lock when the process ends and is done again by the next worker.
        """
        self._stopping.set()
        for bell in self._bells.values():
            bell.ring()
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self, channel: str, job: Callable[[Connection], bool]) -> None:
        """Do the job until there is nothing to do, then wait for the bell; start over after a lost connection."""
        bell = self._bells[channel]
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    while not self._stopping.is_set():
                        heard = bell.rings
                        if not job(connection):
                            bell.wait(heard, timeout=10)
            except psycopg.OperationalError as error:
                LOG.warning("BP_WORKER_DATABASE_LOST", extra={"error_class": type(error).__name__})
                self._stopping.wait(0.5)

    def _go_on(self, connection: Connection) -> bool:
        """Take lines that wait for no function; the Task they reach is for the other threads."""
        if not self._machine.run_next(connection, quick=True):
            return False
        self._bells["bidproof_work"].ring()
        return True

    def _schedule(self, connection: Connection) -> bool:
        """A nudge makes the relay due at once; one that came while it ran makes it run again."""
        nudges = self._nudges
        nudged = [RELAY] if nudges != self._nudges_done else []
        done = run_schedule(connection, self._resolve, nudged)
        if done == RELAY:  # one that another thread runs just now leaves the nudge to that thread
            self._nudges_done = nudges
        return done is not None

    def _coordinate(self) -> None:
        """Turn notifications and due times into rings; sweep once a second."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    register_schedules(connection, self._schedules)
                    forget_old(connection)
                    for channel in self._bells:
                        connection.execute(f"listen {channel}")
                    self._ring_on_time(connection)
            except psycopg.OperationalError as error:
                LOG.warning("BP_WORKER_DATABASE_LOST", extra={"error_class": type(error).__name__})
                self._stopping.wait(0.5)

    def _ring_on_time(self, connection: Connection) -> None:
        swept = 0.0
        while not self._stopping.is_set():
            if time.monotonic() - swept >= SWEEP_EVERY:
                sweep(connection)
                swept = time.monotonic()
            row = connection.execute(_NEXT_DUE).fetchone()
            pause = POLL if row is None or row[0] is None else max(0.001, row[0])
            heard = {notice.channel for notice in connection.notifies(timeout=pause, stop_after=1)}
            if "bidproof_outbox" in heard:
                self._nudges += 1
            for channel, bell in self._bells.items():
                if not heard or channel in heard:
                    bell.ring()


def main() -> None:
    """Run until SIGTERM or SIGINT, or until the parent process is gone; a file outside the subset stops the start."""
    settings = read_settings(Settings)
    for path in sorted(MACHINES.glob("*.asl.json")):
        read_definition(json.loads(path.read_text(encoding="utf-8")))
    log_json(settings.log_level)
    run_until_stopped(Worker(settings.platform_url, threads=settings.worker_threads), parent=given_parent())


def run_until_stopped(worker: Worker, *, drain: float = DRAIN, parent: int | None = None) -> None:
    """Run a worker in this process and end it; after a signal, handlers get `drain` seconds to finish.

    Exit code 1 says that some did not, or that a thread of the worker had died: the rows are free again and the
    next worker calls them once more.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    parent = parent or os.getppid()
    worker.start()
    while not stop.wait(0.5) and os.getppid() == parent and worker.is_whole():
        pass
    was_whole = worker.is_whole()
    finished = worker.stop(drain if os.getppid() == parent else min(drain, ORPHAN_DRAIN))
    logging.shutdown()
    os._exit(0 if finished and was_whole else 1)


if __name__ == "__main__":
    main()
