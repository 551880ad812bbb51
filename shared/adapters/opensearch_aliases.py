"""A tenant's aliases: one that searches read, one for each generation that is written (spec R55, R57)."""

from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError, RequestError

from shared.adapters.opensearch_client import opensearch_failures
from shared.adapters.opensearch_mapping import filtered_alias, index_body, physical_name, template
from shared.domain.scoping import index_name

PORTION = 10_000  # entries deleted by one request, so that it ends within its time


class TenantAliases:
    """All are filtered by tenant and routed by tenant. `read` is moved from generation to generation in one action."""

    def __init__(
        self,
        client: OpenSearch,
        *,
        tenant_id: str,
        vector: str,
        dimension: int,
        prefix: str,
        shards: int = 1,
        replicas: int = 0,
    ) -> None:
        self._client, self._tenant_id, self._prefix = client, tenant_id, prefix
        self._body = index_body(vector, dimension, shards=shards, replicas=replicas)
        self._vector = vector
        self.read = index_name(prefix, "tenant", tenant_id)
        self.every = f"{index_name(prefix, 'generation', tenant_id)}-*"
        # An alias asked of all indexes is refused to a role that has rights to these alone.
        self._ours = f"{index_name(prefix, 'chunks')}-*"

    def of(self, generation: int) -> str:
        """The alias that this generation is written by."""
        return index_name(self._prefix, "generation", self._tenant_id, str(generation))

    def install(self) -> None:
        """The template of this mapping version: any index of its name is strict (R52). A deployment's right."""
        name, body = template(self._prefix, self._body)
        with opensearch_failures():
            self._client.indices.put_index_template(name=name, body=body)

    def ready(self, generation: int) -> None:
        """Make the generation writable when it is not; the tenant's first one is the one that searches read."""
        alias, name = self.of(generation), physical_name(self._prefix, generation)
        with opensearch_failures():
            if self._client.indices.exists_alias(index=self._ours, name=alias):
                return
            added = [filtered_alias(name, alias, self._tenant_id)]
            if not self._client.indices.exists_alias(index=self._ours, name=self.read):
                added.append(filtered_alias(name, self.read, self._tenant_id))
            try:
                self._client.indices.update_aliases(body={"actions": added})
            except NotFoundError:
                self._create(name)
                self._client.indices.update_aliases(body={"actions": added})

    def open(self, generation: int) -> None:
        """`ready`, and with a field for the vectors of this profile when the index was made for another (R55)."""
        self.ready(generation)
        field = {self._vector: self._body["mappings"]["properties"][self._vector]}
        with opensearch_failures():
            self._client.indices.put_mapping(index=self.of(generation), body={"properties": field})

    def switch(self, generation: int) -> None:
        """Let searches read this generation, in one action: each reads the one before or this one, never both."""
        with opensearch_failures():
            target = set(self._client.indices.get_alias(index=self._ours, name=self.of(generation)))
            before = set(self._holders(self.read))
            actions = [{"remove": {"index": name, "alias": self.read}} for name in sorted(before - target)]
            actions += [filtered_alias(name, self.read, self._tenant_id) for name in sorted(target)]
            self._client.indices.update_aliases(body={"actions": actions})

    def drop(self, generation: int) -> None:
        """Delete the tenant's entries of the generation, its alias, and the index when nobody uses it; repeatable."""
        alias = self.of(generation)
        with opensearch_failures():
            holders = self._holders(alias)
            if holders:
                self._empty(alias)
                removed = [{"remove": {"index": name, "alias": alias}} for name in holders]
                self._client.indices.update_aliases(body={"actions": removed})
            pattern = index_name(self._prefix, "chunks") + f"-*-g{generation}"
            for name in self._client.indices.get_alias(index=pattern):
                self._delete_unused(name)

    def _create(self, name: str) -> None:
        self.install()
        try:
            self._client.indices.create(index=name)
        except RequestError as error:
            if error.error != "resource_already_exists_exception":
                raise

    def _holders(self, alias: str) -> list[str]:
        try:
            return sorted(self._client.indices.get_alias(index=self._ours, name=alias))
        except NotFoundError:
            return []

    def _empty(self, alias: str) -> None:
        query = {"query": {"term": {"tenant_id": self._tenant_id}}}
        params: dict[str, Any] = {"max_docs": PORTION, "conflicts": "proceed", "refresh": "true"}
        while self._client.delete_by_query(index=alias, body=query, params=params)["total"] == PORTION:
            pass

    def _delete_unused(self, name: str) -> None:
        """Closed for writes before the last look: who comes meanwhile is refused for a moment and loses nothing."""
        if self._is_used(name):
            return
        self._client.indices.put_settings(index=name, body={"index.blocks.write": True})
        self._client.indices.refresh(index=name)
        if self._is_used(name) or self._client.count(index=name)["count"]:
            self._client.indices.put_settings(index=name, body={"index.blocks.write": None})
            return
        self._client.indices.delete(index=name)

    def _is_used(self, name: str) -> bool:
        return bool(self._client.indices.get_alias(index=name)[name]["aliases"])
