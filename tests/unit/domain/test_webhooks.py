"""Signature vectors and the rules of a webhook's target (spec A136, A138, S143)."""

import pytest

from shared.domain.errors import Refused
from shared.domain.webhooks import check_target, is_public, result_of, signature, signature_header

# Published for receivers: computed with `printf '%s' '<t>.<body>' | openssl dgst -sha256 -hmac '<secret>'`.
VECTORS = [
    (
        "whs_test",
        1767225600,
        b'{"event_id":"evt_1"}',
        "e8ff1516ad83df458f884dcfe6c231b17f32ccace3107a9f45f695bdb9be842a",
    ),
    ("whs_test", 0, b"", "418b978eadd59ae449e6b75b7e8d7b426b2467d9e02481af941f58de84545882"),
    (
        "whs_" + "A" * 43,
        1767225600,
        '{"n":"桥"}'.encode(),
        "f654869c40f069cdbff8be9dbe16654705ce575c950098b898abadb587ab8f01",
    ),
]
PRIVATE = """0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 192.0.0.1 192.0.2.1 192.168.0.1
198.18.0.1 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8
::ffff:169.254.169.254 ::7f00:1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1::1 2001:0:4136::1 fc00::1 fd00:ec2::254
fe80::1 fe80::1%eth0 fec0::1 ff02::1 2001:db8::1 localhost 0x7f000001 2130706433 017700000001""".split()


@pytest.mark.parametrize(("secret", "unix", "body", "expected"), VECTORS)
def test_the_signature_is_that_of_the_published_vectors(secret: str, unix: int, body: bytes, expected: str) -> None:
    assert signature(secret, unix, body) == expected


def test_two_secrets_give_two_values_the_newest_first() -> None:
    header = signature_header(["new", "old"], 7, b"x")
    assert header == f"t=7,v1={signature('new', 7, b'x')},v1={signature('old', 7, b'x')}"


def test_time_and_body_are_both_signed() -> None:
    values = {signature("s", 1, b"a"), signature("s", 2, b"a"), signature("s", 1, b"b"), signature("t", 1, b"a")}
    assert len(values) == 4


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_address_in_any_form_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "https://a.example:8443/",
        "https://a.example:99999/",
        "https://user:pw@a.example/",
        "https://@a.example/",
        "https://a.example/#x",
        "https://a.example/ x",
        "https://a.example\\@b.example/",
        "https://例え.example/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::1/",
        "https:///path",
        "https://a..example/",
        "https://-/",
        "ftp://a.example/",
        "//a.example/",
        "",
    ],
)
def test_a_forbidden_target_is_refused(url: str) -> None:
    with pytest.raises(Refused) as refused:
        check_target(url)
    assert refused.value.code == "WEBHOOK_URL_FORBIDDEN"


@pytest.mark.parametrize("url", ["https://a.example/hook?x=1", "https://a.example:443", "https://8.8.8.8/hook"])
def test_an_ordinary_target_is_allowed(url: str) -> None:
    check_target(url)


def test_success_is_any_2xx_and_nothing_else() -> None:
    outcome = {status: result_of(1, http_status=status, error_code=None).status for status in range(100, 600)}
    assert [s for s, found in outcome.items() if found == "delivered"] == list(range(200, 300))
