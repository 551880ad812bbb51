"""`make up` and `make migrate`: the whole product on this machine until Ctrl-C."""

import signal
import sys
import threading
from datetime import timedelta

from infra.local.postgres import ensure_database
from infra.local.product import Product, prepare
from shared.settings import LocalOptions, read_settings

TOKEN_HOURS = 12


def up(options: LocalOptions) -> None:
    """Start everything, print address and token, and keep it running."""
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    prepared = prepare(options)
    product = Product(prepared)
    product.start()
    url = prepared.settings.public_url
    print(
        f"\nBidproof is up at {url}\n  OpenAPI page  {url}/docs\n  data          {prepared.settings.data_dir}",
        flush=True,
    )
    for role in prepared.tenant.subjects:
        token = prepared.token(role, life=timedelta(hours=TOKEN_HOURS))
        print(f"\n  token of the demo tenant's {role}, valid {TOKEN_HOURS} h:\n  {token}", flush=True)
    try:
        while not stopped.wait(0.5):
            for name in product.revive():
                print(f"{name} had ended and was started again", flush=True)
    finally:
        product.stop()


def main() -> None:
    """`up` by default, `migrate` when asked."""
    options = read_settings(LocalOptions)
    if sys.argv[1:] == ["migrate"]:
        ensure_database(options.data_dir.resolve(), options.server_url or None)
        return
    up(options)


if __name__ == "__main__":
    main()
