"""Run a parser in a warm child process under ceilings for memory and time (spec P84, P87, P90).

A crash of a native library costs one call, not the worker: the child is replaced and the call ends with a code.
"""

import os
import queue
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from shared.domain.archives import ArchiveEntry
from shared.domain.blocks import Page, ParsedRange
from shared.domain.errors import CodedError, Permanent, Refused, Retryable
from shared.domain.file_types import DOCX, HTML, MARKDOWN, PDF, TEXT
from shared.ports.reading import DocumentParser, Inspected

MIB = 1 << 20
TEXT_SECONDS_PER_PAGE = 5.0  # P84
ARCHIVE_SECONDS = 240.0  # to read 5 GiB once, within the step's 300 s (W29)
_KINDS: dict[str, type[CodedError]] = {"Refused": Refused, "Retryable": Retryable, "Permanent": Permanent}
_NEAR_LIMIT = 0.7  # of the ceiling: a child that dies with so much resident memory ran out of it
_ROOT = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of one kind of child: bytes above its start, seconds to start, for a survey or inspection, and
    per page of a range."""

    memory_bytes: int = 768 * MIB
    start_seconds: float = 60.0
    survey_seconds: float = 120.0
    page_seconds: float = TEXT_SECONDS_PER_PAGE


class Child:
    """One child process that serves one parser class, named as "module:Class"."""

    def __init__(self, target: str, limits: Limits) -> None:
        self._limits = limits
        ours, theirs = _pipe()
        life_read, self._life = os.pipe()
        command = [sys.executable, "-c", _BOOT, str(theirs), str(life_read), target, str(limits.memory_bytes)]
        try:
            self._process = subprocess.Popen(
                command, pass_fds=(theirs, life_read), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        finally:
            os.close(theirs)
            os.close(life_read)
        self._pipe = Connection(ours)
        self._start_bytes = self._start_peak = 0
        _, self._start_bytes, self._start_peak = self._receive(limits.start_seconds)

    def call(self, method: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        """The parser's answer, its CodedError, or Retryable DOC_PARSE_TIMEOUT, DOC_PARSE_MEMORY_LIMIT or
        DOC_PARSE_UNKNOWN_ERROR when the child had to be killed or died."""
        try:
            self._pipe.send((method, arguments, 2 * seconds))
        except (BrokenPipeError, ConnectionResetError):
            self._raise_death()
        answer = self._receive(seconds)
        if answer[0] == "done":
            return answer[1]
        _, kind, code, message, details = answer
        raise _KINDS[kind](code, message, details=details)

    @property
    def is_alive(self) -> bool:
        """Whether the child can take another call."""
        return not self._pipe.closed and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._process.pid

    def close(self) -> None:
        """End the child at once."""
        if self._pipe.closed:
            return
        self._pipe.close()
        os.close(self._life)
        self._process.kill()
        self._process.wait()

    def _receive(self, seconds: float) -> tuple[Any, ...]:
        try:
            if self._pipe.poll(seconds):
                answer: tuple[Any, ...] = self._pipe.recv()
                return answer
        except (EOFError, ConnectionResetError):
            self._raise_death()
        self.close()
        raise Retryable("DOC_PARSE_TIMEOUT", details={"limit_seconds": seconds})

    def _raise_death(self) -> None:
        """Tell a memory death from any other by the child's largest resident size, if it grew since the start:
        the system counts the size of the parent at the fork as the child's."""
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * 1024
        self.close()
        is_full = peak - self._start_bytes >= _NEAR_LIMIT * self._limits.memory_bytes
        if is_full and peak > self._start_peak:
            raise Retryable("DOC_PARSE_MEMORY_LIMIT", details={"limit_bytes": self._limits.memory_bytes})
        raise Retryable("DOC_PARSE_UNKNOWN_ERROR", f"the parser process ended with {self._process.returncode}")


_BOOT = f"import sys; sys.path[:0] = [{_ROOT!r}]; from shared.adapters.parser_worker import serve; " + (
    "a = sys.argv; serve(int(a[1]), int(a[2]), a[3], int(a[4]))"
)


def _pipe() -> tuple[int, int]:
    """Two connected descriptors that can be read and written."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


class Children:
    """At most `size` children of one target; a call takes an idle one, starts one, or waits."""

    def __init__(self, target: str, limits: Limits, size: int = 2) -> None:
        self._target = target
        self._limits = limits
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)

    @contextmanager
    def taken(self) -> Iterator[Child]:
        """A living child for one call."""
        child = self._idle.get()
        try:
            if child is None or not child.is_alive:
                if child is not None:
                    child.close()
                child = None
                child = Child(self._target, self._limits)
            yield child
        finally:
            self._idle.put(child if child is not None and child.is_alive else None)

    def close(self) -> None:
        """End all idle children."""
        for _ in range(self._idle.qsize()):
            child = self._idle.get()
            if child is not None:
                child.close()
            self._idle.put(None)


class ProcessParser:
    """A DocumentParser whose work is done by a child process. `name` and `version` are the real parser's."""

    def __init__(self, target: str, name: str, version: str, limits: Limits, *, size: int = 2) -> None:
        self.name = name
        self.version = version
        self._limits = limits
        self._children = Children(target, limits, size)

    def survey(self, path: Path, media_type: str) -> list[Page]:
        """As the parser's; also raises Retryable DOC_PARSE_TIMEOUT, DOC_PARSE_MEMORY_LIMIT and
        DOC_PARSE_UNKNOWN_ERROR."""
        with self._children.taken() as child:
            pages: list[Page] = child.call("survey", (path, media_type), self._limits.survey_seconds)
        return pages

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        """As the parser's; the time limit grows with the pages (P84), with one page's share to open the file."""
        seconds = self._limits.page_seconds * (last - first + 2)
        with self._children.taken() as child:
            parsed: ParsedRange = child.call("parse", (path, media_type, first, last), seconds)
        return parsed

    def close(self) -> None:
        """End the idle children."""
        self._children.close()


class ProcessInspector:
    """A FileInspector whose work is done by a child process."""

    def __init__(self, limits: Limits | None = None, *, size: int = 2) -> None:
        self._limits = limits or Limits()
        self._children = Children("shared.adapters.file_inspection:FileInspection", self._limits, size)

    def inspect(self, path: Path, filename: str, media_type: str | None) -> Inspected:
        """As the inspector's; also raises Retryable DOC_PARSE_TIMEOUT, DOC_PARSE_MEMORY_LIMIT and
        DOC_PARSE_UNKNOWN_ERROR."""
        with self._children.taken() as child:
            found: Inspected = child.call("inspect", (path, filename, media_type), self._limits.survey_seconds)
        return found

    def close(self) -> None:
        """End the idle children."""
        self._children.close()


class ProcessArchives:
    """An ArchiveReader whose work is done by a child process, in a temporary folder of its own per archive."""

    def __init__(self, limits: Limits | None = None, *, size: int = 2) -> None:
        self._limits = limits or Limits()
        self._children = Children("shared.adapters.file_inspection:ZipArchives", self._limits, size)

    @contextmanager
    def opened(self, path: Path) -> Iterator["OpenedArchive"]:
        """As the reader's; also raises Retryable DOC_PARSE_TIMEOUT, DOC_PARSE_MEMORY_LIMIT and
        DOC_PARSE_UNKNOWN_ERROR."""
        with tempfile.TemporaryDirectory(prefix="archive-") as name, self._children.taken() as child:
            folder, seconds = Path(name), self._limits.survey_seconds
            yield OpenedArchive(child, path, folder, seconds, child.call("survey", (path, folder), seconds))

    def close(self) -> None:
        """End the idle children."""
        self._children.close()


@dataclass(frozen=True, slots=True)
class OpenedArchive:
    """An OpenArchive that is read by a child process."""

    child: Child
    path: Path
    folder: Path
    seconds: float
    entries: Sequence[ArchiveEntry]

    @contextmanager
    def extracted(self, entry: ArchiveEntry) -> Iterator[Path]:
        """The file in the archive's folder, for as long as the block runs."""
        made: Path = self.child.call("extract", (self.path, entry.place, self.folder), self.seconds)
        try:
            yield made
        finally:
            made.unlink(missing_ok=True)


_PDF = ("shared.adapters.pdf_text:PdfTextParser", "pdf-text", "1")
_OFFICE = ("shared.adapters.docling_parser:DoclingParser", "docling-office", "2.142.1")
_TEXT = ("shared.adapters.text_parser:TextParser", "text", "1")
_PARSERS = {PDF: _PDF, DOCX: _OFFICE, HTML: _TEXT, TEXT: _TEXT, MARKDOWN: _TEXT}


class ParserRegistry:
    """The parser of each media type, and the reader of archives, in child processes that start with the first call."""

    def __init__(self, limits: Limits | None = None, *, size: int = 2) -> None:
        self._limits = limits or Limits()
        self._size = size
        self._made: dict[str, ProcessParser] = {}
        self.archives = ProcessArchives(replace(self._limits, survey_seconds=ARCHIVE_SECONDS), size=size)

    def parser_for(self, media_type: str) -> DocumentParser:
        """Raises Permanent INPUT_UNSUPPORTED_FORMAT for a type that no parser reads."""
        if media_type not in _PARSERS:
            details = {"found": media_type, "accepted": sorted(_PARSERS)}
            raise Permanent("INPUT_UNSUPPORTED_FORMAT", f"no parser reads {media_type}", details=details)
        target, name, version = _PARSERS[media_type]
        if target not in self._made:
            self._made[target] = ProcessParser(target, name, version, self._limits, size=self._size)
        return self._made[target]

    def close(self) -> None:
        """End all idle children."""
        for parser in self._made.values():
            parser.close()
        self.archives.close()
