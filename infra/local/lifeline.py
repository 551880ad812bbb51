"""A child process that ends when its parent does, also when the parent was killed."""

import os
import signal
import threading
import time

PERIOD_SECONDS = 0.5


def end_with_parent() -> None:
    """Send this process SIGTERM once its parent is another one than now."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PERIOD_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
