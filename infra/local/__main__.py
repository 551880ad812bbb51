"""`make up` and `make migrate`: the whole product on this machine until Ctrl-C."""

import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

from infra.local.embedded_server import ServerDown
from infra.local.folder_lock import FolderTaken, hold_folder
from infra.local.postgres import ensure_database
from infra.local.product import Prepared, Product, prepare
from shared.settings import LocalOptions, read_settings

TOKEN_HOURS = 12
PATIENCE = 40.0  # seconds; what a killed product leaves ends within 30 (W127)


class PortTaken(Exception):
    """Another program listens where the API should."""


def up(options: LocalOptions) -> None:
    """Start everything, print address and tokens, and keep it running until a signal.

    Raises SystemExit with one line when another product has the folder, another program the port, when the API does
    not start, or when the database does not."""
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: stopped.set())
    root = options.data_dir.resolve()

    def wait_for_others() -> None:
        print("waiting for the processes of a Bidproof that was killed", flush=True)

    try:
        url = f"http://127.0.0.1:{options.port}"
        with hold_folder(root, url, patience=PATIENCE, waiting=wait_for_others) as held:
            require_free(options.port)
            prepared = prepare(options)
            product = Product(prepared, log_dir=root / "logs", held=(held,))
            try:
                run(product, prepared, stopped)
            finally:
                product.stop()
    except (FolderTaken, PortTaken, ServerDown) as error:
        sys.exit(str(error))
    except TimeoutError as error:
        sys.exit(f"{error}; the logs are in {root / 'logs'}")


def run(product: Product, prepared: Prepared, stopped: threading.Event) -> None:
    """From the start of the children to the signal."""
    product.start(give_up=stopped.is_set)
    if not stopped.is_set():
        greet(prepared)
    while not stopped.wait(0.5):
        for name in product.revive():
            print(f"{name} had ended and was started again", flush=True)


def greet(prepared: Prepared, *, say: Callable[[str], None] = print) -> None:
    """Where it is and how to get in."""
    url, folder = prepared.settings.public_url, prepared.settings.data_dir
    say(f"\nBidproof is up at {url}\n  OpenAPI page  {url}/docs\n  data          {folder}")
    say(f"  logs          {folder / 'logs'}")
    for role in prepared.tenant.subjects:
        token = prepared.token(role, life=timedelta(hours=TOKEN_HOURS))
        say(f"\n  token of the demo tenant's {role}, valid {TOKEN_HOURS} h:\n  {token}")
    say("\nCtrl-C stops it; nothing is lost by that.")
    sys.stdout.flush()


def require_free(port: int) -> None:
    """Raise PortTaken when another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"port {port} of 127.0.0.1 is not free ({error.strerror}); name another: make up PORT=8081"
            ) from error


def main() -> None:
    """`up` by default, `migrate` when asked."""
    options = read_settings(LocalOptions)
    if sys.argv[1:] == ["migrate"]:
        ensure_database(options.data_dir.resolve(), options.server_url or None)
        return
    up(options)


if __name__ == "__main__":
    main()
