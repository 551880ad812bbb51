"""Which generations of the tenant's index there are, and what one must hold to be searched (spec D53, R57)."""

from collections.abc import Sequence
from typing import Protocol

from shared.domain.index_generations import Generation, Subject


class GenerationContents(Protocol):
    """What the searched generation has acknowledged, so that another one must hold it, too."""

    def subjects(self, *, after: str, limit: int) -> Sequence[Subject]:
        """Live documents with something in the index after this id, in the order of ids."""
        ...

    def subject(self, document_id: str) -> Subject | None:
        """The same for one document; None when it has nothing any more."""
        ...

    def sample(self, generation: int, *, limit: int) -> list[str]:
        """Ids of acknowledged chunks, drawn by the hash of their id."""
        ...

    def lagging(self, generation: int) -> list[str]:
        """Live documents of which the searched generation has acknowledged chunks that this one has not."""
        ...


class GenerationRows(Protocol):
    """Rows of index_generations; who writes to the index asks `written` in the transaction of the write."""

    @property
    def contents(self) -> GenerationContents:
        """What must be in them."""
        ...

    def searched(self) -> int:
        """The generation that searches read; 1 before the first write."""
        ...

    def written(self) -> list[int]:
        """The generations that every write goes to, the searched one first. None begins, is searched or retired
        before the transaction ends (a lock that writers share)."""
        ...

    def hold(self) -> None:
        """Wait for all writers, and keep new ones waiting until the transaction ends."""
        ...

    def begin(self, profile_id: str, *, back: bool = False) -> Generation:
        """The generation being built: a new one unless one is. With `back` the kept one, to search it again.

        Raises Refused WF_STATE_TRANSITION_INVALID when nothing is kept or another is being built."""
        ...

    def building(self) -> Generation | None:
        """The generation being built."""
        ...

    def note(self, generation: int, *, checked_to: str) -> None:
        """The generation holds what it must of the documents up to this id."""
        ...

    def switch(self, generation: int) -> None:
        """Search this one from now on, and keep the one before for seven days."""
        ...

    def outdated(self) -> list[int]:
        """Generations kept long enough or given up, whose entries are still there."""
        ...

    def retire(self, generation: int) -> None:
        """Write no more to a generation that is not searched."""
        ...

    def dropped(self, generation: int) -> None:
        """Its entries are gone."""
        ...
