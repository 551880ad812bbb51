"""One JSON file per measurement with machine, commit and date, and a table of them all."""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from shared.adapters.system import SystemClock

FOLDER = Path(__file__).with_name("results")


def machine() -> dict[str, Any]:
    """What was measured on: processor, cores, memory in GB, system, Python."""
    cpu = next((x.split(":")[1].strip() for x in _read("/proc/cpuinfo").splitlines() if "model name" in x), "unknown")
    memory = next((int(x.split()[1]) for x in _read("/proc/meminfo").splitlines() if x.startswith("MemTotal")), 0)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1024 / 1024, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def commit() -> str:
    """The commit measured, with `+changes` when the tree differs from it."""
    root = FOLDER.parent.parent
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    changed = subprocess.run(
        ["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True, check=False
    )
    return (head.stdout.strip() or "unknown") + ("+changes" if changed.stdout.strip() else "")


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile of counted samples, share in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def write(name: str, figures: dict[str, Any], *, goal: str = "") -> None:
    """Write bench/results/<name>.json and print it."""
    FOLDER.mkdir(exist_ok=True)
    record = {
        "name": name,
        "date": SystemClock().now().strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": machine(),
        "goal": goal,
        "figures": figures,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{name}: {json.dumps(figures, ensure_ascii=False)}  goal: {goal or '-'}")


def table() -> str:
    """All stored results as a Markdown table."""
    lines = ["| measurement | figures | goal | date | commit |", "|---|---|---|---|---|"]
    for path in sorted(FOLDER.glob("*.json")):
        row = json.loads(path.read_text(encoding="utf-8"))
        figures = "<br>".join(f"{key}: {value}" for key, value in row["figures"].items())
        lines.append(f"| {row['name']} | {figures} | {row['goal']} | {row['date']} | {row['commit']} |")
    return "\n".join(lines) + "\n"
