"""How large a value may be that is handed to an execution, a queue or the event bus (spec W6, W96)."""

import json
from typing import Any

from shared.domain.errors import Permanent

PAYLOAD_LIMIT = 200 * 1024  # bytes of an execution's input, a step's result or a message (W6)
EVENT_LIMIT = 256 * 1024  # bytes of all events that the bus takes in one part, and so of one event (W96)


def wire_text(value: Any) -> str:
    """The value as JSON in ASCII, so its length is its bytes; equal values give equal texts (W15 compares inputs)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def bounded_text(value: Any) -> str:
    """The wire text of a payload; raises Permanent WF_PAYLOAD_TOO_LARGE above 200 KiB."""
    text = wire_text(value)
    if len(text) > PAYLOAD_LIMIT:
        raise Permanent("WF_PAYLOAD_TOO_LARGE", details={"bytes": len(text), "limit": PAYLOAD_LIMIT})
    return text
