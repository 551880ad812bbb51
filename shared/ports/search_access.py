"""Who may use the search domain, as a deployment sees it."""

from collections.abc import Sequence
from typing import Protocol


class SearchAccess(Protocol):
    """The rights of the functions' roles inside the domain."""

    def admit(self, roles: Sequence[str]) -> None:
        """Give exactly these roles (ARNs) the rights that searching and indexing need; repeatable.

        Raises Retryable DEPENDENCY_UNAVAILABLE while the domain's first user cannot be acted as, what every request
        to the search engine may raise, and Permanent INTERNAL_ERROR when the domain refuses."""
        ...
