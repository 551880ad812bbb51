"""The generations of a tenant's index on one machine: a folder and vectors each (spec R32, R57)."""

from pathlib import Path

from shared.adapters.embedded_index import EmbeddedIndex, VectorRows
from shared.adapters.term_folder import SCHEMA_VERSION, TermFolder
from shared.domain.scoping import index_name


class EmbeddedGenerations:
    """The IndexGenerations port. Which one is searched, the row of the generation says: nothing is moved here."""

    def __init__(
        self, root: Path, session: VectorRows, *, tenant_id: str, profile_id: str, dimension: int = 384
    ) -> None:
        self._root, self._session, self._tenant_id = root, session, tenant_id
        self._profile_id, self._dimension = profile_id, dimension

    def open(self, generation: int) -> None:
        """Nothing: the first write makes the folder."""

    def at(self, generation: int) -> EmbeddedIndex:
        """The one generation alone."""
        return EmbeddedIndex(
            self._root,
            self._session,
            tenant_id=self._tenant_id,
            profile_id=self._profile_id,
            dimension=self._dimension,
            generation=generation,
            alone=True,
        )

    def switch(self, generation: int) -> None:
        """Nothing: the row of the generation changes, and the next search reads it."""

    def drop(self, generation: int) -> None:
        """Vectors, then the folder."""
        with self._session.transaction():
            self._session.execute(
                "DELETE FROM chunk_vectors WHERE index_generation = %(generation)s", generation=generation
            )
        TermFolder(self._root / index_name(self._tenant_id) / f"schema{SCHEMA_VERSION}" / f"g{generation}").drop()
