"""The call to a receiver: faults, and the addresses that are never called (spec A137, A138, S114, S143)."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from shared.adapters.webhook_sender import WebhookSender
from shared.domain.errors import Refused, Retryable
from tests.https_receiver import HOST, HttpsReceiver, https_receiver


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsReceiver]:
    """One server for all tests of this file."""
    with https_receiver(tmp_path_factory.mktemp("tls")) as running:
        yield running


def sender(receiver: HttpsReceiver, **options: Any) -> WebhookSender:
    """Resolves every name to the server on loopback, which only here is allowed."""
    rules: dict[str, Any] = {"resolver": lambda host: ["127.0.0.1"], "allowed": lambda address: address == "127.0.0.1"}
    return WebhookSender(**(rules | {"context": receiver.context, "port": receiver.port, "seconds": 60.0} | options))


def post(call: WebhookSender, path: str = "200", host: str = HOST) -> int:
    return call(f"https://{host}/{path}", headers={"Bidproof-Event-Id": "evt_1"}, body=b"{}")


@pytest.mark.parametrize("status", [200, 204, 301, 307, 308, 404, 429, 500, 503])
def test_the_status_is_the_answer_and_a_redirect_is_not_followed(receiver: HttpsReceiver, status: int) -> None:
    before = len(receiver.seen)
    assert post(sender(receiver), str(status)) == status
    assert receiver.seen[before:] == [(HOST, HOST, f"/{status}", b"{}")]


@pytest.mark.parametrize("fault", ["slow", "drip"])
def test_a_receiver_has_its_seconds_in_all_however_it_fills_them(receiver: HttpsReceiver, fault: str) -> None:
    with pytest.raises(Retryable) as failed:
        post(sender(receiver, seconds=0.5), fault)
    assert failed.value.code == "DEPENDENCY_TIMEOUT"


def test_a_body_without_end_is_not_read(receiver: HttpsReceiver) -> None:
    assert post(sender(receiver), "endless") == 200


def test_a_reset_connection_may_pass(receiver: HttpsReceiver) -> None:
    with pytest.raises(Retryable) as failed:
        post(sender(receiver), "reset")
    assert failed.value.code == "DEPENDENCY_UNAVAILABLE"


def test_a_certificate_of_another_name_or_authority_is_not_accepted(receiver: HttpsReceiver) -> None:
    for call, host in ((sender(receiver), "other.example"), (sender(receiver, context=None), HOST)):
        with pytest.raises(Retryable) as failed:
            post(call, "201", host=host)
        assert failed.value.code == "DEPENDENCY_UNAVAILABLE"
    assert "/201" not in [path for _, _, path, _ in receiver.seen]


def test_the_rule_of_production_refuses_loopback_before_connecting(receiver: HttpsReceiver) -> None:
    call = WebhookSender(resolver=lambda host: ["127.0.0.1"], context=receiver.context, port=receiver.port)
    with pytest.raises(Refused) as refused:
        post(call, host="loopback.example")
    assert refused.value.code == "WEBHOOK_URL_FORBIDDEN" and "loopback.example" not in receiver.names


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["fd00:ec2::254"],
        ["::ffff:127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["2606:4700::1", "::1"],
        ["224.0.0.1"],
    ],
)
def test_names_that_lead_to_any_private_address_are_refused(answers: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        post(WebhookSender(resolver=lambda host: answers))
    assert refused.value.code == "WEBHOOK_URL_FORBIDDEN"


def test_a_rebinding_name_is_resolved_once_per_attempt_and_the_checked_address_is_called(
    receiver: HttpsReceiver,
) -> None:
    answers = [["127.0.0.1"], ["127.0.0.9"]]
    call = sender(receiver, resolver=lambda host: answers.pop(0))
    assert post(call) == 200 and len(answers) == 1
    with pytest.raises(Refused):
        post(call)
    assert answers == []


def test_a_name_without_address_may_pass() -> None:
    def unknown(host: str) -> list[str]:
        raise socket.gaierror("no such name")

    def empty(host: str) -> list[str]:
        return []

    for resolver in (unknown, empty):
        with pytest.raises(Retryable) as failed:
            post(WebhookSender(resolver=resolver))
        assert failed.value.code == "DEPENDENCY_UNAVAILABLE"


def test_nobody_listening_may_pass(receiver: HttpsReceiver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Retryable) as failed:
            post(sender(receiver, port=free.getsockname()[1]))
    assert failed.value.code == "DEPENDENCY_UNAVAILABLE"


@pytest.mark.parametrize("url", ["http://a.example/", "https://a.example:444/", "https://127.0.0.1/"])
def test_a_stored_url_is_judged_again_at_every_call(url: str) -> None:
    with pytest.raises(Refused):
        WebhookSender(resolver=lambda host: ["8.8.8.8"])(url, headers={}, body=b"")
