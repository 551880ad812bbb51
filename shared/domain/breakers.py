"""When calls to something that fails are stopped, and how one probe finds out that it works again (spec W26)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FAILURES_TO_OPEN = 5
WINDOW = timedelta(seconds=60)
OPEN_TIME = timedelta(seconds=30)
# A probe that never reported is given up after the longest outbound call (W21: models up to 420 s).
PROBE_TIME = timedelta(seconds=420)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """`failed_at` are the newest failures, oldest first; `opened_at` is set while it is open."""

    failed_at: tuple[datetime, ...] = ()
    opened_at: datetime | None = None
    probing_until: datetime | None = None

    def admits(self, now: datetime) -> bool:
        """Whether a call may be made now: closed, or open for 30 s without a living probe."""
        if self.opened_at is None:
            return True
        probed = self.probing_until is not None and self.probing_until > now
        return not probed and now - self.opened_at >= OPEN_TIME

    def admitted(self, now: datetime) -> "Breaker":
        """After a call was let through: an open breaker now has its probe."""
        return self if self.opened_at is None else replace(self, probing_until=now + PROBE_TIME)

    def failed(self, now: datetime) -> "Breaker":
        """After a failure: the fifth within 60 s opens it; a failed probe opens it for another 30 s."""
        if self.opened_at is not None:
            return replace(self, opened_at=now, probing_until=None) if self.probing_until is not None else self
        newest = (*self.failed_at, now)[-FAILURES_TO_OPEN:]
        opens = len(newest) == FAILURES_TO_OPEN and now - newest[0] <= WINDOW
        return Breaker(failed_at=newest, opened_at=now if opens else None)

    def succeeded(self) -> "Breaker":
        """After a success: a probe closes it; the successes between failures change nothing."""
        return Breaker() if self.probing_until is not None else self
