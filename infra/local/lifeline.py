"""A child process that ends when its parent does, also when the parent was killed."""

import os
import signal
import sys
import threading
import time

PERIOD_SECONDS = 0.5


def given_parent() -> int:
    """The process id of the parent, which it gives as the first argument: a child whose parent was killed before
    the child asks is an orphan from its start. Without an argument it is whoever the parent is now."""
    return int(sys.argv[1]) if sys.argv[1:] else os.getppid()


def end_with_parent() -> None:
    """Send this process SIGTERM once its parent is gone."""
    parent = given_parent()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PERIOD_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
