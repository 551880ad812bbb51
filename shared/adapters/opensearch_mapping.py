"""The fields of an index entry in OpenSearch (spec 04 section 9)."""

from typing import Any

from shared.domain.retrieval import IndexEntry
from shared.domain.scoping import index_name
from shared.domain.terms import FIELD_BOOSTS

MAPPING_VERSION = "1"
_KEYWORDS = (
    "tenant_id", "project_id", "supplier_id", "document_id", "chunk_id", "entry_id", "doc_type", "chunk_type",
    "language", "content_hash",
)  # fmt: skip
_COPIED = (
    "project_id", "document_id", "chunk_id", "entry_id", "doc_type", "chunk_type", "language", "content_hash",
    "terms", "heading_terms", "code_terms", "page_from", "page_to", "token_count", "quality",
)  # fmt: skip


def vector_field(profile_id: str) -> str:
    """The vector field of an embedding profile: v_<profile>."""
    return f"v_{index_name(profile_id)}"


def index_body(vector: str, dimension: int, *, shards: int, replicas: int) -> dict[str, Any]:
    """Settings and mapping: an unknown field fails the write (R52); engines never analyze (R53)."""
    text = {"type": "text", "analyzer": "whitespace", "index_options": "freqs"}
    properties: dict[str, Any] = {name: {"type": "keyword"} for name in _KEYWORDS}
    properties |= dict.fromkeys(FIELD_BOOSTS, text)
    properties |= {name: {"type": "integer"} for name in ("page_from", "page_to", "token_count")}
    properties |= {"quality": {"type": "float"}, "index_generation": {"type": "long"}}
    properties[vector] = {
        "type": "knn_vector",
        "dimension": dimension,
        "method": {
            "name": "hnsw",
            "engine": "lucene",
            "space_type": "cosinesimil",
            "parameters": {"m": 16, "ef_construction": 200},
        },
    }
    similarity = {"default": {"type": "BM25", "k1": 1.2, "b": 0.75}}
    index = {"knn": True, "number_of_shards": shards, "number_of_replicas": replicas, "similarity": similarity}
    mappings = {"dynamic": "strict", "_meta": {"mapping_version": MAPPING_VERSION}, "properties": properties}
    return {"settings": {"index": index}, "mappings": mappings}


def physical_name(prefix: str, generation: int) -> str:
    """The index of this mapping version and generation number; tenants share it (R55)."""
    return index_name(prefix, "chunks", MAPPING_VERSION, f"g{generation}")


def template(prefix: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and body of the template of all indexes of this mapping version, whoever creates one."""
    name = index_name(prefix, "chunks", MAPPING_VERSION)
    about = {"mapping_version": MAPPING_VERSION}
    return name, {"index_patterns": [f"{name}-g*"], "priority": 500, "template": body, "_meta": about}


def filtered_alias(index: str, alias: str, tenant_id: str) -> dict[str, Any]:
    """The action that adds a tenant's filtered alias with routing (R55)."""
    add = {"index": index, "alias": alias, "filter": {"term": {"tenant_id": tenant_id}}, "routing": tenant_id}
    return {"add": add}


def document(entry: IndexEntry, *, tenant_id: str, vector: str, generation: int) -> dict[str, Any]:
    """The JSON of an entry; a missing supplier or vector is a missing field."""
    body: dict[str, Any] = {name: getattr(entry, name) for name in _COPIED}
    # One leading term makes document counts and mean lengths the same as in the embedded index (term_folder.py).
    body |= {name: f"^ {getattr(entry, name)}" for name in FIELD_BOOSTS}
    body |= {"tenant_id": tenant_id, "index_generation": generation}
    if entry.supplier_id is not None:
        body["supplier_id"] = entry.supplier_id
    if entry.vector is not None:
        body[vector] = [float(value) for value in entry.vector]
    return body
