"""What the answer to a bulk request means, item by item (spec R56)."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters.opensearch_client import BLOCKED
from shared.domain.errors import Permanent, Retryable
from shared.domain.retries import is_transient_status

DONE = (200, 201, 409)  # 409: a newer version is there, which is what was asked for


def raise_refused(entry_ids: Sequence[str], results: Sequence[Mapping[str, Any]]) -> None:
    """Raise INDEX_WRITE_PARTIAL naming the refused entries in `failed`, and in `permanent` those that no repeat helps.

    It is Permanent when there is one of these, and Retryable when the engine only had no time, room or index."""
    refused = {
        entry_id: result for entry_id, result in zip(entry_ids, results, strict=True) if result["status"] not in DONE
    }
    if not refused:
        return
    permanent = [entry_id for entry_id, result in refused.items() if not _may_pass(result)]
    first = refused[permanent[0] if permanent else next(iter(refused))]
    raise (Permanent if permanent else Retryable)(
        "INDEX_WRITE_PARTIAL",
        f"{len(refused)} of {len(entry_ids)} entries were refused",
        details={"failed": list(refused), "permanent": permanent, "first": first["error"]["type"]},
    )


def _may_pass(result: Mapping[str, Any]) -> bool:
    """A full queue, a shard that moves, an index that is closed for writes or was deleted under the request."""
    kind = result["error"]["type"]
    return is_transient_status(result["status"]) or kind == BLOCKED or result["status"] == 404
