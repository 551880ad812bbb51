"""Child processes that are started again when they end; one that ends at once is given growing pauses."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 28.0  # W127: gone within 30 s, the rest is for the database
SHORT_LIFE = 5.0  # seconds; a child that lived shorter waits before its next start
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LOG_BYTES = 20 << 20  # a larger log is set aside at the next start, over the one set aside before


@dataclass(slots=True)
class Child:
    """One process, when it was started, when its next start is due, and the pause after an early end, in seconds."""

    process: subprocess.Popen[bytes]
    started: float
    due: float | None = None
    pause: float = FIRST_PAUSE

    def is_due(self, now: float) -> bool:
        """Whether it ended and has waited its pause."""
        if self.process.poll() is None:
            return False
        if self.due is None:
            is_early = now - self.started < SHORT_LIFE
            self.due = now + self.pause if is_early else now
            self.pause = min(2 * self.pause, LONGEST_PAUSE) if is_early else FIRST_PAUSE
        return now >= self.due


class Children:
    """Processes of python modules, by name. They inherit `held` descriptors; with `log_dir` they write their logs
    there, otherwise to this process's terminal."""

    def __init__(
        self,
        modules: Mapping[str, str],
        environment: Mapping[str, str],
        *,
        log_dir: Path | None = None,
        held: tuple[int, ...] = (),
    ) -> None:
        self.environment = dict(environment)
        self._modules, self._log_dir, self._held = modules, log_dir, held
        self._running: dict[str, Child] = {}

    def start(self) -> None:
        """Start all."""
        for name in self._modules:
            self._running[name] = Child(self._spawn(name), time.monotonic())

    def revive(self) -> list[str]:
        """Start again those that ended and have waited their pause; return their names."""
        now = time.monotonic()
        due = [name for name, child in self._running.items() if child.is_due(now)]
        for name in due:
            self._running[name] = Child(self._spawn(name), now, pause=self._running[name].pause)
        return due

    def stop(self) -> None:
        """SIGTERM to all; SIGKILL to what is still there after 28 s (W127)."""
        end = time.monotonic() + STOP_SECONDS
        for child in self._running.values():
            child.process.terminate()
        for child in self._running.values():
            try:
                child.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._running.clear()

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", self._modules[name], str(os.getpid())]
        if self._log_dir is None:
            return subprocess.Popen(command, env=self.environment, pass_fds=self._held)
        self._log_dir.mkdir(parents=True, exist_ok=True)
        path = self._log_dir / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            return subprocess.Popen(command, env=self.environment, pass_fds=self._held, stdout=log, stderr=log)
