"""The embedded server: restarted after a crash, adopted after a kill, stopped with its last user."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.local.embedded_server import start_server, stop_server
from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import Databases, ensure_database, url_with

ROOT = Path(__file__).parents[2]
USE = """
import sys, time
from pathlib import Path
from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import ensure_database
print(ensure_database(Path(sys.argv[1])).app_url, flush=True)
if sys.argv[2:]:
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder of this module; its server is stopped at the end."""
    folder = tmp_path_factory.mktemp("data")
    yield folder
    stop_server(folder / "postgres")


@pytest.fixture
def product(root: Path) -> Iterator[Databases]:
    """A running database in the folder."""
    yield ensure_database(root)
    stop_server(root / "postgres")


def postmaster(root: Path) -> int:
    return int((root / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def until_gone(pid: int) -> None:
    for _ in range(2000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


def use(root: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-c", USE, str(root), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_all_roles_can_log_in(product: Databases) -> None:
    for name in ("owner_url", "app_url", "relay_url", "dispatch_url", "sweep_url", "platform_url"):
        assert answers(getattr(product, name)), name


def test_nobody_logs_in_without_the_password(product: Databases) -> None:
    for user in ("postgres", "bidproof_owner", "bidproof_app"):
        with pytest.raises(psycopg.OperationalError, match=r"password|supplied"):
            psycopg.connect(url_with(product.app_url, user=user, password="wrong"), connect_timeout=60)


def test_secrets_are_for_their_owner_only(root: Path, product: Databases) -> None:
    assert (root / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert ensure_database(root) == product


def test_a_killed_server_is_started_again_with_its_data(root: Path, product: Databases) -> None:
    with psycopg.connect(product.platform_url) as connection:
        connection.execute("insert into local_platform.messages (queue, body) values ('kept', '{}')")
    pid = postmaster(root)
    os.kill(pid, signal.SIGKILL)
    until_gone(pid)
    urls = ensure_database(root)
    with psycopg.connect(urls.platform_url) as connection:
        assert connection.execute("select queue from local_platform.messages").fetchone() == ("kept",)


def test_a_pid_file_that_names_a_stranger_is_ignored(root: Path, product: Databases) -> None:
    stop_server(root / "postgres")
    lines = [str(os.getpid()), str(root / "postgres"), "1", "5432", str(root / "postgres"), "", "1 1", "ready"]
    (root / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    assert answers(ensure_database(root).app_url)
    assert postmaster(root) != os.getpid()


def test_the_server_of_a_killed_process_is_adopted_and_stops_with_the_next(root: Path) -> None:
    first = use(root, "stay")
    assert first.stdout is not None
    assert answers(first.stdout.readline().strip())
    pid = postmaster(root)
    first.kill()
    first.wait()
    first.stdout.close()
    second = use(root)
    url, _ = second.communicate(timeout=60)
    assert url.startswith("postgresql://bidproof_app:")
    assert second.returncode == 0
    until_gone(pid)


def test_the_server_stays_while_another_process_uses_it(root: Path) -> None:
    first = use(root, "stay")
    assert first.stdout is not None
    url = first.stdout.readline().strip()
    assert use(root).wait(60) == 0
    assert answers(url)
    first.send_signal(signal.SIGINT)
    first.wait(60)
    first.stdout.close()


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / "postgres"
    folder.parent.mkdir()
    try:
        assert answers(start_server(folder, password="secret"))
    finally:
        stop_server(folder)


def test_a_given_server_is_used_instead(root: Path, product: Databases, tmp_path: Path) -> None:
    """It gets the passwords of the new data folder: one server serves one installation."""
    password = ensure_secrets(root, ["postgres"])["postgres"]
    server = url_with(product.app_url, user="postgres", password=password)
    given = ensure_database(tmp_path, server)
    assert not (tmp_path / "postgres").exists()
    assert given.owner_url == server
    assert answers(given.app_url)
    assert given.app_url != product.app_url
