"""A port that is bound a while after it was chosen."""

import socket

import pytest

from infra.local import ports
from infra.local.ports import GIVEN, free_port


@pytest.mark.skipif(not GIVEN.exists(), reason="only Linux says which ports it gives")
def test_a_free_port_is_none_that_the_system_gives_to_others_until_it_is_bound() -> None:
    first = int(GIVEN.read_text().split()[0])
    assert all(1024 < free_port() < first for _ in range(20))


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = iter([taken.getsockname()[1], free := free_port()])
        monkeypatch.setattr(ports.random, "randrange", lambda first, last: next(wanted))
        assert free_port() == free
