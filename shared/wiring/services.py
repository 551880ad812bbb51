"""The services of a process: its adapters, and a call's parts made of them."""

from collections.abc import Callable

from shared.domain.context import Actor
from shared.wiring.adapters import Adapters
from shared.wiring.parts import Parts


class Services(Adapters):
    """What LocalServices and AwsServices are."""

    def bind(self, actor: Actor, *, time_left: Callable[[], float] = lambda: 900.0) -> Parts:
        """The parts of one call for one actor."""
        return Parts(self, actor, time_left)
