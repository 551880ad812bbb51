"""Secrets of one machine: made at first use, kept in one file that only its owner may read."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def ensure_secrets(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Return a secret of 43 URL-safe characters per name from `secrets.json`, making those that are missing.

    The file has mode 0600 and is replaced in one step, so neither a crash nor a second process loses a secret.
    """
    root.mkdir(parents=True, exist_ok=True)
    path = root / "secrets.json"
    with (root / ".secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        wanted = {name: known.get(name) or secrets.token_urlsafe(32) for name in names}
        if not wanted.items() <= known.items():
            _replace(path, known | wanted)
    return wanted


def _replace(path: Path, content: dict[str, str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
