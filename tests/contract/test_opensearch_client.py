"""Who repeats a request to OpenSearch: three tries by us, none by the library (spec W21, W23, W24, F23)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError, RequestError

from shared.adapters import opensearch_client
from shared.adapters.outbound_calls import OutboundCalls
from shared.domain.errors import Retryable
from tests.records import clock
from tests.silent_server import silent_server


class Closed:
    """Breakers that count; `open` after so many failures."""

    def __init__(self, opens_after: int = 99) -> None:
        self.failures, self.opens_after = 0, opens_after

    def admit(self, name: str) -> bool:
        """While there were fewer failures."""
        assert name == opensearch_client.NAME
        return self.failures < self.opens_after

    def failed(self, name: str) -> None:
        """One more."""
        self.failures += 1

    def succeeded(self, name: str) -> None:
        """Nothing."""


class Engine:
    """A server that gives the answers in turn, (status, headers) each, then 200; `asked` keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.asked: list[str] = []


@pytest.fixture
def engine() -> Iterator[tuple[Engine, str]]:
    """The server and its address."""
    state = Engine()

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            state.asked.append(f"{self.path} {body}")
            status, headers = state.answers.pop(0) if state.answers else (200, {})
            answer = json.dumps({"hits": []} if status == 200 else {"error": {"type": "told"}}).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def client(url: str, slept: list[float], breakers: Closed | None = None, **options: Any) -> OpenSearch:
    """A client whose jitter is 150 ms and whose waits are only noted."""
    calls = OutboundCalls(breakers or Closed(), clock=clock, sleep=slept.append, chance=lambda: 0.5)
    return opensearch_client.opensearch_client(url, calls=calls, **options)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_transient_answer_is_asked_again_twice_and_not_more(engine: tuple[Engine, str], status: int) -> None:
    state, url = engine
    slept: list[float] = []
    state.answers = [(status, {})] * 9
    with pytest.raises(Retryable) as caught:
        client(url, slept).search(index="x", body={"query": {}}, params={"request_timeout": 5})
    assert (caught.value.code, len(state.asked), slept) == ("RAG_UPSTREAM_UNAVAILABLE", 3, [1.15, 2.15])
    assert len(set(state.asked)) == 1, "each try sends the same"


def test_retry_after_of_the_engine_wins(engine: tuple[Engine, str]) -> None:
    state, url = engine
    slept: list[float] = []
    state.answers = [(429, {"Retry-After": "7"}), (503, {})]
    assert client(url, slept).search(index="x") == {"hits": []}
    assert (len(state.asked), slept) == (3, [7.0, 2.15])


@pytest.mark.parametrize(("status", "error"), [(400, RequestError), (404, NotFoundError)])
def test_another_answer_fails_at_once_and_does_not_count(
    engine: tuple[Engine, str], status: int, error: type[Exception]
) -> None:
    state, url = engine
    state.answers, breakers = [(status, {})], Closed()
    with pytest.raises(error):
        client(url, [], breakers).search(index="x")
    assert (len(state.asked), breakers.failures) == (1, 0)


def test_nobody_at_the_address_and_silence_are_transient() -> None:
    with pytest.raises(Retryable) as nobody:
        client("http://127.0.0.1:1", []).search(index="x")
    with silent_server() as url, pytest.raises(Retryable) as silence:
        client(url, [], timeout=0.1).search(index="x")
    assert (nobody.value.code, silence.value.code) == ("RAG_UPSTREAM_UNAVAILABLE", "RAG_RETRIEVAL_TIMEOUT")


def test_f23_an_open_breaker_keeps_every_request_from_the_engine(engine: tuple[Engine, str]) -> None:
    state, url = engine
    state.answers = [(503, {})] * 9
    searching = client(url, [], Closed(opens_after=2))
    for _ in range(3):
        with pytest.raises(Retryable) as caught:
            searching.search(index="x")
        assert caught.value.code == "CIRCUIT_OPEN"
    assert len(state.asked) == 2


def test_the_product_asks_with_30_seconds_and_nothing_of_the_librarys_own_retries() -> None:
    made = client("http://127.0.0.1:1", [])
    transport = made.transport
    assert (transport.max_retries, transport.retry_on_timeout, tuple(transport.retry_on_status)) == (0, False, ())
    assert transport.get_connection().timeout == 30
