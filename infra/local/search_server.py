"""The OpenSearch server of `SEARCH=opensearch make up`: one per data folder, ended with the product."""

import atexit
import contextlib
import os
import signal
from pathlib import Path

from infra.local.embedded_server import ServerDown
from infra.local.opensearch import java_version, start

NEEDED_JAVA = 17


def ensure_search_server(root: Path) -> str:
    """Start the server below `root` and return its address; one that a killed product left behind is ended first.

    Raises ServerDown without Java 17 or newer, RuntimeError with its log when the server does not come up."""
    if java_version() < NEEDED_JAVA:
        raise ServerDown(f"SEARCH=opensearch needs Java {NEEDED_JAVA} or newer on the PATH")
    folder = root / "opensearch"
    data, pid_file = folder / "data", folder / "server.pid"
    _end_leftover(pid_file, data)
    server = start(folder, data)
    pid_file.write_text(str(server.process.pid))
    atexit.register(server.stop)
    return server.url


def _end_leftover(pid_file: Path, data: Path) -> None:
    """Kill the process of the pid file if it still serves this folder; a stranger with its number is left alone."""
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text() or 0)
    command = Path(f"/proc/{pid}/cmdline")
    if pid and command.exists() and str(data).encode() in command.read_bytes():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    pid_file.unlink()
