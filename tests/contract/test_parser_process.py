"""A parser that hangs, grows, crashes or outlives its parent costs one call (spec P28, P33, P90)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shared.adapters.parser_process import MIB, Limits, ProcessParser
from shared.domain.errors import Retryable

TARGET = "tests.contract.parsing_samples:MisbehavingParser"
PATIENT, IMPATIENT = 60.0, 0.5  # seconds per page: only what never ends is given up early
ROOT = Path(__file__).parents[2]


@contextmanager
def misbehaving(page_seconds: float = PATIENT) -> Iterator[ProcessParser]:
    limits = Limits(memory_bytes=256 * MIB, page_seconds=page_seconds)
    with closing(ProcessParser(TARGET, "misbehaving", "1", limits, size=1)) as parser:
        yield parser


@pytest.mark.parametrize(
    ("deed", "code", "page_seconds"),
    [
        ("loop", "DOC_PARSE_TIMEOUT", IMPATIENT),
        ("locked-loop", "DOC_PARSE_TIMEOUT", IMPATIENT),
        ("crash", "DOC_PARSE_UNKNOWN_ERROR", PATIENT),
        ("bug", "DOC_PARSE_UNKNOWN_ERROR", PATIENT),
    ],
)
def test_misdeeds_end_with_their_code_and_the_next_call_is_served(deed: str, code: str, page_seconds: float) -> None:
    with misbehaving(page_seconds) as parser:
        assert parser.survey(Path(deed), "x") == "served"  # type: ignore[comparison-overlap]
        with pytest.raises(Retryable) as caught:
            parser.parse(Path(deed), "x", 1, 1)
        assert caught.value.code == code
        assert parser.survey(Path(deed), "x") == "served"  # type: ignore[comparison-overlap]


def test_too_much_memory_ends_with_its_code() -> None:
    with misbehaving() as parser, pytest.raises(Retryable) as caught:
        parser.parse(Path("memory"), "x", 1, 1)
    assert caught.value.code == "DOC_PARSE_MEMORY_LIMIT"


def test_no_cause_reaches_the_user() -> None:
    with misbehaving() as parser, pytest.raises(Retryable) as caught:
        parser.parse(Path("bug"), "x", 1, 1)
    assert "a bug" not in str(caught.value)


@pytest.mark.parametrize("deed", ["loop", "locked-loop"])
def test_the_child_ends_when_its_parent_is_killed_at_work(deed: str) -> None:
    program = (
        "import sys, threading; from pathlib import Path; from shared.adapters.parser_process import *\n"
        f"child = Child({TARGET!r}, Limits(page_seconds=600)); print(child.pid, flush=True)\n"
        f"child.call('parse', (Path({deed!r}), 'x', 1, 1), 600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.2)
    assert is_running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(1200):
        if not is_running(child):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
