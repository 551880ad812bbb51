"""Kill -9 at a random moment, or in the gap between a commit and its answer, which no sleep would hit."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg

from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import DATABASE
from infra.local.product import Prepared

TARGETS = ("worker", "api", "postgres")
# forced: the victim is stopped while its commit waits, the commit goes through, and the victim never hears of it
WORKER_COMMITTED, API_SUBMITTED = "worker after a step's commit", "api after a submit's commit"
# forced: the commit is in the log on disk, its backend waits for a standby that is not there, and the server is killed
POSTGRES_COMMITTED = "postgres in a commit"
FORCED = (WORKER_COMMITTED, API_SUBMITTED, POSTGRES_COMMITTED)
FORCED_SHARE = 0.3  # of the kills of the full form
COMMIT_PATIENCE = 60.0  # seconds for such a commit to come; otherwise the kill is one at a random moment
HELD = 3.0  # seconds without any commit, for one of a step or call to be among those that wait
PATIENCE = 600.0  # seconds for a process or the server to come back
POLL = 0.01
_STEP, _SUBMIT = 7301, 7302  # names of the gates
_GATES = f"""
create function chaos_gate() returns trigger language plpgsql as $$
  begin perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint); return null; end $$;
create constraint trigger chaos_submit after update on reviews deferrable initially deferred for each row
  when (new.status = 'submitted' and old.status <> 'submitted') execute function chaos_gate({_SUBMIT});
create constraint trigger chaos_verdict after insert on verdicts deferrable initially deferred for each row
  execute function chaos_gate({_STEP});
create constraint trigger chaos_review after insert on reviews deferrable initially deferred for each row
  execute function chaos_gate({_STEP});
create constraint trigger chaos_report after insert on reports deferrable initially deferred for each row
  execute function chaos_gate({_STEP})"""
_WAITING = """select a.pid, a.backend_xid::text from pg_locks l join pg_stat_activity a using (pid)
  where l.locktype = 'advisory' and l.objid = %s and not l.granted"""
_UNHEARD = """select backend_xid::text from pg_stat_activity
  where wait_event = 'SyncRep' and usename = 'bidproof_app' and backend_xid is not null"""


def kinds_of(count: int, chance: random.Random) -> list[str]:
    """What is killed in which order: every kind when there are as many, forced ones for a share of the rest."""
    kinds = [*FORCED, *TARGETS][:count]
    while len(kinds) < count:
        kinds.append(chance.choice(FORCED if chance.random() < FORCED_SHARE else TARGETS))
    chance.shuffle(kinds)
    return kinds


@dataclass
class Kills:
    """What was killed how often; `unheard` are the transactions that were committed and whose caller died."""

    prepared: Prepared
    done: Counter[str] = field(default_factory=Counter)
    unheard: list[str] = field(default_factory=list)
    is_over: Callable[[], bool] = lambda: False

    def put_gates(self) -> None:
        """Let the commits of steps and submits pass a lock that a forced kill can hold; only once."""
        with self._superuser() as connection:
            connection.execute(_GATES)

    def kill(self, kind: str) -> None:
        """kill -9 as soon as there is such a process; a forced kind first waits for its commit."""
        if kind == POSTGRES_COMMITTED:
            was_forced = self._after_the_log()
        elif kind in FORCED:
            name, gate = ("worker", _STEP) if kind == WORKER_COMMITTED else ("api", _SUBMIT)
            was_forced = self._after_the_commit(name, gate)
        else:
            was_forced = False
        target = kind.split()[0]
        if not was_forced and not self._until(lambda: self._killed(target), PATIENCE):
            raise TimeoutError(f"there is no {target} to kill")
        self.done[kind if was_forced else target] += 1

    def _after_the_commit(self, name: str, gate: int) -> bool:
        with self._superuser() as connection:
            connection.execute("select pg_advisory_lock(%s)", [gate])
            try:
                waiting = self._until(lambda: connection.execute(_WAITING, [gate]).fetchone(), COMMIT_PATIENCE)
                victim = self.process(name) if waiting else None
                if waiting is None or victim is None:
                    return False
                victim.suspend()
            finally:
                connection.execute("select pg_advisory_unlock(%s)", [gate])
            pid, xid = waiting
            running = "select from pg_stat_activity where pid = %s and backend_xid::text = %s"
            self._until(lambda: not connection.execute(running, [pid, xid]).rowcount, COMMIT_PATIENCE)
            victim.kill()
            status = connection.execute("select pg_xact_status(%s::xid8)", [xid]).fetchone()
        is_committed = status == ("committed",)
        self.unheard += [xid] * is_committed
        return is_committed

    def _after_the_log(self) -> bool:
        with self._superuser() as connection:
            waiting = self._until(lambda: self._held_commit(connection), COMMIT_PATIENCE)
            if waiting is None:
                return False
            self._until(lambda: self._killed("postgres"), COMMIT_PATIENCE)
        self.unheard.append(waiting[0])
        return True

    def _held_commit(self, connection: psycopg.Connection[Any]) -> Any:
        """A commit of a step or call that waits for the standby; when none comes all commits go on for a while, for
        those of the platform, which wait too, may be what it needs first."""
        connection.execute("alter system set synchronous_standby_names = 'nobody'")
        try:
            connection.execute("select pg_reload_conf()")
            waiting = self._until(lambda: connection.execute(_UNHEARD).fetchone(), HELD)
        finally:
            connection.execute("alter system reset synchronous_standby_names")
        if waiting is None:
            connection.execute("select pg_reload_conf()")
        return waiting

    def lost(self) -> list[str]:
        """The committed transactions of `unheard` that the database does not know as such: none may be lost."""
        with self._superuser() as connection:
            states = [
                (xid, connection.execute("select pg_xact_status(%s::xid8)", [xid]).fetchone()) for xid in self.unheard
            ]
        return [f"transaction {xid} is {state}" for xid, state in states if state != ("committed",)]

    def process(self, target: str) -> psutil.Process | None:
        """The living process of this target."""
        if target == "postgres":
            folder = self.prepared.settings.data_dir / "postgres"
            lines = (folder / "postmaster.pid").read_text().splitlines() if (folder / "postmaster.pid").exists() else []
            found = psutil.Process(int(lines[0])) if lines and int(lines[0]) > 0 else None
            return found if found is not None and str(folder) in found.cmdline() else None
        children = psutil.Process().children()
        return next((child for child in children if f"infra.local.{target}" in child.cmdline()), None)

    def _killed(self, target: str) -> bool:
        try:
            process = self.process(target)
            if process is None or process.status() == psutil.STATUS_ZOMBIE:
                return False
            process.kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def _until(self, probe: Callable[[], Any], patience: float) -> Any:
        """The first true answer, or None."""
        end = time.monotonic() + patience
        while time.monotonic() < end and not self.is_over():
            found = probe()
            if found:
                return found
            time.sleep(POLL)
        return None

    @contextmanager
    def _superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection whom row security lets through, as soon as the server answers."""
        folder = self.prepared.settings.data_dir
        password = ensure_secrets(folder, ["postgres"])["postgres"]
        end = time.monotonic() + PATIENCE
        while True:
            try:
                lines = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
                connection = psycopg.connect(
                    host=lines[4].strip(), user="postgres", password=password, dbname=DATABASE, autocommit=True
                )
                break
            except (FileNotFoundError, IndexError, psycopg.OperationalError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        try:
            yield connection
        finally:
            connection.close()
