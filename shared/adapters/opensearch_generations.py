"""The generations of a tenant's index in OpenSearch (spec R55, R57)."""

from opensearchpy import OpenSearch

from shared.adapters.opensearch import OpenSearchIndex
from shared.adapters.opensearch_aliases import TenantAliases
from shared.adapters.opensearch_mapping import vector_field


class OpenSearchGenerations:
    """The IndexGenerations port: a physical index per generation number, shared by tenants; aliases tell them apart."""

    def __init__(
        self,
        client: OpenSearch,
        *,
        tenant_id: str,
        profile_id: str,
        dimension: int = 384,
        prefix: str = "bidproof",
        shards: int = 1,
        replicas: int = 0,
    ) -> None:
        self._client, self._tenant_id, self._profile_id = client, tenant_id, profile_id
        self._dimension, self._prefix = dimension, prefix
        self._aliases = TenantAliases(
            client,
            tenant_id=tenant_id,
            vector=vector_field(profile_id),
            dimension=dimension,
            prefix=prefix,
            shards=shards,
            replicas=replicas,
        )
        self._shards, self._replicas = shards, replicas

    def open(self, generation: int) -> None:
        """Template, index and alias, as far as they are missing."""
        self._aliases.install()
        self._aliases.open(generation)

    def at(self, generation: int) -> OpenSearchIndex:
        """The one generation alone."""
        return self._index(generation)

    def searched(self) -> OpenSearchIndex:
        """The tenant's index as everybody uses it."""
        return self._index(None)

    def switch(self, generation: int) -> None:
        """One action of the cluster."""
        self._aliases.switch(generation)

    def drop(self, generation: int) -> None:
        """Entries, alias, and the index when it was the last tenant's."""
        self._aliases.drop(generation)

    def _index(self, generation: int | None) -> OpenSearchIndex:
        return OpenSearchIndex(
            self._client,
            tenant_id=self._tenant_id,
            profile_id=self._profile_id,
            dimension=self._dimension,
            prefix=self._prefix,
            generation=generation,
            shards=self._shards,
            replicas=self._replicas,
        )
