"""Calls of AWS under the profile of outbound calls: three tries, one owner, Retry-After (spec W21, W23, W24)."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.outbound_calls import OutboundCalls
from shared.adapters.s3 import S3Objects
from shared.adapters.sqs import SqsQueue
from shared.domain.errors import CodedError, Permanent, Refused, Retryable
from tests.contract.test_opensearch_client import Closed
from tests.moto_server import new_client
from tests.records import clock

LIST = b"<ListPartsResult><Part><PartNumber>1</PartNumber><Size>1</Size><ETag>e</ETag></Part></ListPartsResult>"
Service = tuple[list[Any], list[str], str]


class Breaker(Closed):
    """Knows the names it was asked for."""

    def __init__(self, opens_after: int = 99) -> None:
        super().__init__(opens_after)
        self.names: set[str] = set()

    def admit(self, name: str) -> bool:
        """While there were fewer failures."""
        self.names.add(name)
        return self.failures < self.opens_after


sent: list[bytes] = []  # the bodies of the requests, in turn


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that answers in turn with (status, headers, body) and then 200 without a body; what it was asked;
    its address."""
    answers: list[Any] = []
    asked: list[str] = []
    sent.clear()

    class Told(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent.append(body)
            status, headers, body = answers.pop(0) if answers else (200, {}, b"")
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield answers, asked, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def calls(slept: list[float], breaker: Closed | None = None) -> OutboundCalls:
    """Calls whose jitter is 150 ms and whose waits are only noted."""
    return OutboundCalls(breaker or Breaker(), clock=clock, sleep=slept.append, chance=lambda: 0.5)


def objects(url: str, slept: list[float], breaker: Closed | None = None) -> S3Objects:
    """The store behind the address."""
    return S3Objects(new_client("s3", url, calls=calls(slept, breaker)), bucket="b", clock=clock)


def test_a_busy_service_is_asked_three_times_and_its_retry_after_wins(service: Service) -> None:
    answers, asked, url = service
    slept: list[float] = []
    answers += [(503, {"Retry-After": "9"}, b""), (500, {}, b""), (503, {}, b"")]
    breaker = Breaker()
    with pytest.raises(Retryable) as caught:
        SqsQueue(new_client("sqs", url, calls=calls(slept, breaker))).send("q", {"n": 1})
    assert (caught.value.code, len(asked), slept) == ("DEPENDENCY_UNAVAILABLE", 3, [9.0, 2.15])
    assert (breaker.names, breaker.failures) == ({"aws/sqs"}, 3)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None), "the vendor's words stay with the vendor"


def test_a_call_that_works_at_the_third_try_worked(service: Service) -> None:
    answers, asked, url = service
    answers += [(503, {}, b""), (503, {}, b""), (200, {"ETag": '"e"'}, b"")]
    assert objects(url, []).put("k", b"x", media_type="text/plain").size_bytes == 1
    assert len(asked) == 3


def test_a_file_is_sent_from_its_beginning_at_every_try(service: Service, tmp_path: Path) -> None:
    answers, _, url = service
    answers += [(503, {}, b""), (503, {}, b""), (200, {"ETag": '"e"'}, b"")]
    path = tmp_path / "file"
    path.write_bytes(b"bytes of a file")
    assert objects(url, []).put("k", path, media_type="text/plain").size_bytes == 15
    assert len(sent) == 3 and all(b"bytes of a file" in body for body in sent)


def test_a_put_that_meets_another_write_of_its_key_may_be_tried_again(service: Service, tmp_path: Path) -> None:
    answers, asked, url = service
    answers += [(409, {}, b"<Error><Code>ConditionalRequestConflict</Code></Error>")]
    with pytest.raises(Retryable) as caught:
        objects(url, []).put("k", b"bytes", media_type="text/plain")
    assert (caught.value.code, len(asked)) == ("DEPENDENCY_UNAVAILABLE", 1), "who wins is not known yet"


@pytest.mark.parametrize(("status", "raised"), [(403, "INTERNAL_ERROR"), (404, "DOC_STORAGE_MISSING")])
def test_a_refusal_fails_at_once(service: Service, status: int, raised: str) -> None:
    answers, asked, url = service
    answers += [(status, {}, b"")]
    with pytest.raises(Permanent) as caught:
        objects(url, []).read("k")
    assert (caught.value.code, len(asked)) == (raised, 1)


def test_pages_of_a_list_have_the_same_tries(service: Service) -> None:
    answers, asked, url = service
    answers += [(503, {}, b""), (200, {}, LIST)]
    assert [part.number for part in objects(url, []).parts("k", "m")] == [1]
    assert len(asked) == 2


def test_joining_parts_is_asked_for_once_because_the_service_forgets_the_upload(service: Service) -> None:
    answers, asked, url = service
    answers += [(200, {}, LIST), (503, {}, b"")]
    with pytest.raises(Retryable):
        objects(url, []).finish_multipart("k", "m", parts=[(1, "e")])
    assert [line.split()[0] for line in asked] == ["GET", "POST"]


def test_bytes_that_break_off_are_a_failure_that_may_pass(service: Service) -> None:
    answers, _, url = service
    answers += [(200, {"Content-Length": "100"}, b"only this")]
    with pytest.raises(CodedError) as caught:
        objects(url, []).read("k")
    assert (type(caught.value), caught.value.code) == (Retryable, "DEPENDENCY_UNAVAILABLE")


def test_f23_an_open_breaker_keeps_calls_from_the_service(service: Service) -> None:
    answers, asked, url = service
    answers += [(503, {}, b"")] * 9
    store = objects(url, [], Breaker(opens_after=2))
    for _ in range(2):
        with pytest.raises(Retryable) as caught:
            store.read("k")
        assert caught.value.code == "CIRCUIT_OPEN"
    assert len(asked) == 2


def test_what_the_service_refuses_says_nothing_about_its_health(service: Service) -> None:
    answers, _, url = service
    breaker = Breaker()
    answers += [(200, {}, LIST), (400, {}, b"<Error><Code>InvalidPart</Code></Error>")]
    with pytest.raises(Refused):
        objects(url, [], breaker).finish_multipart("k", "m", parts=[(1, "e")])
    assert breaker.failures == 0
