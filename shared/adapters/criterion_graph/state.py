"""The state of a criterion's thread: ids, hashes, numbers and the small draft; no document text (spec W80)."""

import json
from typing import Annotated, Any, TypedDict

from shared.domain.errors import Permanent

LARGEST = 64 * 1024  # bytes, W80


def fixed(old: str, new: str) -> str:
    """A value that is set once; another one raises Permanent DATA_CORRUPTED."""
    if old and old != new:
        raise Permanent("DATA_CORRUPTED", "the identity of a thread cannot change")
    return new


def newest(old: Any, new: Any) -> Any:
    """The value that was written last."""
    return new


class ThreadValues(TypedDict, total=False):
    """What a thread remembers between its nodes.

    `evidence`: pack, ranks and what the search could not see. `draft`: the verdict so far, its citations as chunk ids
    and spans. `measured`: confidence, coverage, deviation and the reasons for a person. `decision`: the id of the
    decision to apply; `decision_id` of the one that was committed."""

    tenant_id: Annotated[str, fixed]
    evaluation_id: Annotated[str, fixed]
    criterion_id: Annotated[str, fixed]
    thread_id: Annotated[str, fixed]
    graph_version: Annotated[str, fixed]
    evidence: Annotated[dict[str, Any], newest]
    draft: Annotated[dict[str, Any], newest]
    measured: Annotated[dict[str, Any], newest]
    input_hash: Annotated[str, newest]
    verdict_id: Annotated[str, newest]
    decision: Annotated[dict[str, Any], newest]
    decision_id: Annotated[str, newest]


def check_size(values: ThreadValues) -> None:
    """Raise Permanent WF_PAYLOAD_TOO_LARGE when the state is over 64 KiB."""
    size = len(json.dumps(values, ensure_ascii=False).encode())
    if size > LARGEST:
        raise Permanent("WF_PAYLOAD_TOO_LARGE", details={"bytes": size, "limit": LARGEST})
