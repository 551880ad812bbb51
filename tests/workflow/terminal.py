"""A program on a pseudo terminal of 80 columns: wait for what it shows, type what it asks for."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds after which a test gives up; no test measures how long something took
ROWS, COLUMNS = 50, 80
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


class Terminal:
    """Runs a python module. `shown` is everything so far without colours and cursor moves."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        hidden = ("COLUMNS", "LINES", "NO_COLOR", "DATABASE_URL")
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=CHECKOUT,
            env={name: value for name, value in os.environ.items() if name not in hidden}
            | {"TERM": "xterm-256color", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._seen = 0

    def expect(self, text: str) -> str:
        """Wait until the text is shown, lines broken or not, after what was expected last; returns what came before."""
        end = time.monotonic() + PATIENCE
        wanted = re.compile(r"\s+".join(map(re.escape, text.split())))
        while (found := wanted.search(self.shown, self._seen)) is None:
            if not self._read() or time.monotonic() > end:
                raise AssertionError(f"{text!r} was not shown after: {self.shown[self._seen :]}")
        before, self._seen = self.shown[self._seen : found.start()], found.end()
        return before

    def answer(self, question: str, line: str) -> str:
        """Wait for a question and type a line; returns what came before the question."""
        before = self.expect(question)
        os.write(self._ours, f"{line}\n".encode())
        return before

    def press(self, key: bytes) -> None:
        """Type a key, such as b"\\x03" for Ctrl-C or b"\\x04" for the end of input."""
        os.write(self._ours, key)

    def finish(self) -> int:
        """The exit code, after everything was shown."""
        end = time.monotonic() + PATIENCE
        while self._read() and time.monotonic() < end:
            pass
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        """End it, however the test went."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(PATIENCE)
        os.close(self._ours)

    def _read(self) -> bool:
        """Take what is there, waiting a little; False at the end."""
        if not select.select([self._ours], [], [], 0.2)[0]:
            return True
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.shown += _CONTROL.sub("", self._decoder.decode(piece))
        return bool(piece)
