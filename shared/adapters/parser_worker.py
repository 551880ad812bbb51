"""The child process that parsers run in: takes calls over a pipe, one at a time, until the pipe closes (P90)."""

import fcntl
import importlib
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from shared.domain.errors import CodedError


def serve(pipe_fd: int, life_fd: int, target: str, memory_bytes: int) -> None:
    """Answer calls (method, arguments, cpu_seconds) with ("done", result) or ("failed", kind, code, message,
    details). An exception outside the catalogue ends the process: the parent reports the crash."""
    _die_with_parent(life_fd)
    module, _, name = target.partition(":")
    parser: Any = getattr(importlib.import_module(module), name)()
    _limit_memory(memory_bytes)
    pipe = Connection(pipe_fd)
    pipe.send(("ready", _resident_bytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
    while True:
        try:
            method, arguments, cpu_seconds = pipe.recv()
        except EOFError:
            return
        _limit_cpu(cpu_seconds)
        try:
            answer: tuple[Any, ...] = ("done", getattr(parser, method)(*arguments))
        except CodedError as error:
            answer = ("failed", type(error).__name__, error.code, str(error), error.details)
        except MemoryError:
            answer = ("failed", "Retryable", "DOC_PARSE_MEMORY_LIMIT", "", {"limit_bytes": memory_bytes})
        pipe.send(answer)


def _die_with_parent(life_fd: int) -> None:
    """Let the kernel send SIGIO, which ends the process, when the parent's end of the life pipe closes: it works
    for kill -9 of the parent and while native code holds the interpreter."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fcntl.fcntl(life_fd, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(life_fd, fcntl.F_GETFL)
    fcntl.fcntl(life_fd, fcntl.F_SETFL, flags | os.O_ASYNC | os.O_NONBLOCK)
    try:
        is_gone = os.read(life_fd, 1) == b""
    except BlockingIOError:
        is_gone = False
    if is_gone:
        sys.exit(1)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _limit_memory(memory_bytes: int) -> None:
    """Address space: what the parser's libraries took at start plus the ceiling (P87)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_cpu(cpu_seconds: float) -> None:
    """A backstop for loops in native code, should the parent be unable to kill."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + cpu_seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
