"""Adapters are made once, whatever number of threads asks first."""

import threading
import time

from shared.wiring.made_once import made_once


class Owner:
    def __init__(self) -> None:
        self.times = 0

    @made_once
    def slow(self) -> object:
        self.times += 1
        time.sleep(0.02)
        return object()


def test_eight_threads_that_ask_at_once_get_the_same_adapter() -> None:
    owner, got, together = Owner(), list[object](), threading.Barrier(8)

    def ask() -> None:
        together.wait()
        got.append(owner.slow)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert owner.times == 1
    assert len({id(found) for found in got}) == 1


def test_two_owners_have_their_own_adapters() -> None:
    assert Owner().slow is not Owner().slow
