"""moto's server as a child process on a free loopback port, one per test process: AWS's wire without AWS.

A process of its own, because moto keeps its services in globals that `mock_aws` of other tests would empty.
"""

import atexit
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.aws_calls import TIMEOUT, Calls, aws_client

REGION = "eu-central-1"
ACCOUNT = "123456789012"
CHECKOUT = Path(__file__).parents[1]
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


@cache
def moto_url() -> str:
    """The server's address. The server ends with this process, also when it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.moto_server", str(os.getpid())],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **KEYS},
    )
    atexit.register(_end, process)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("http://"):
        raise RuntimeError(f"moto's server did not start: {line!r}")
    return line.strip()


@cache
def moto_client(service: str) -> Any:
    """This process's client of a service, made as the product makes it; making one takes a third of a second."""
    return new_client(service, moto_url())


@cache
def lost_client(service: str) -> Any:
    """A client of an address where nobody listens."""
    return new_client(service, "http://127.0.0.1:1")


def new_client(service: str, endpoint: str, *, timeout: float = TIMEOUT, calls: Calls | None = None) -> Any:
    """A new client of any address."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        return aws_client(service, region=REGION, endpoint=endpoint, timeout=timeout, calls=calls)


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    process.wait(timeout=10)


def _serve() -> None:
    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
    from werkzeug.serving import make_server

    from infra.local.lifeline import end_with_parent

    end_with_parent()
    # moto does not run state machines unless told so
    default_user_config["stepfunctions"]["execute_state_machine"] = True
    # the parser keeps its stack on the class, so one refused definition would spoil every later one
    started = Preprocessor.__init__

    def fresh(self: Any) -> None:
        started(self)
        self._query_language_per_scope = []

    Preprocessor.__init__ = fresh  # type: ignore[method-assign]
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    # the interpreter calls other services at localhost:$MOTO_PORT, whatever the server listens on
    os.environ["MOTO_PORT"] = str(server.server_port)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve()
