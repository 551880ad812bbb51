"""`make smoke STAGE=`: a bid evaluated on a deployed stage over HTTP, every step told with its time."""

import time
from collections.abc import Callable

from shared.adapters.release_http import HttpRelease
from shared.adapters.smoke_files import read_smoke_bid
from shared.adapters.system import SystemClock, SystemIds
from shared.ports.release_under_test import SmokeRole
from shared.usecases.verify_release import VerifiedRelease, VerifyRelease, verify_release

MINUTES = 20


def smoke(
    url: str,
    token: Callable[[SmokeRole], str],
    *,
    label: str = "smoke",
    minutes: float = MINUTES,
    pause: Callable[[float], None] = time.sleep,
    show: Callable[[str], None] = print,
) -> VerifiedRelease:
    """Run the steps of verify_release against a URL; raises what it raises."""
    clock = SystemClock()
    began = clock.now()
    return verify_release(
        VerifyRelease(label=label),
        release=HttpRelease(url, token),
        smoke_bid=read_smoke_bid(),
        clock=clock,
        ids=SystemIds(clock),
        pause=pause,
        time_left=lambda: minutes * 60 - (clock.now() - began).total_seconds(),
        show_step=lambda name, seconds: show(f"{name:<12} {seconds:8.2f} s"),
    )
