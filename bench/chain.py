"""Wall time and peak memory of the whole demo, from documents to reports (goal: 60 s once installed, on 2 cores)."""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.results import write

ROOT = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.2


def tree_memory_mb(root_pid: int) -> float:
    """Proportional memory of a process and all its descendants, in MB; processes that end meanwhile count as 0."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    wanted, total = {root_pid}, 0.0
    for pid in sorted(parents):
        if parents[pid] in wanted:
            wanted.add(pid)
    for pid in wanted:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += next((int(x.split()[1]) for x in text.splitlines() if x.startswith("Pss:")), 0) / 1024
    return total


def main() -> None:
    """Run the demo with its own answers in an empty data folder."""
    peak = [0.0]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "env",
            f"DATA_DIR={folder}",
            sys.executable,
            "-m",
            "infra.local.demo",
            "--answers",
            "demo/answers.json",
        ]
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)

        def sample() -> None:
            while process.poll() is None:
                peak[0] = max(peak[0], tree_memory_mb(process.pid))
                time.sleep(SAMPLE_SECONDS)

        threading.Thread(target=sample, daemon=True).start()
        output, _ = process.communicate()
        seconds = time.monotonic() - began
        reports = len(list(Path(folder).glob("demo/reports/*/*/*.pdf")))
    if process.returncode != 0:
        raise SystemExit(output.decode())
    figures = {"wall_seconds": round(seconds, 1), "peak_memory_mb": round(peak[0]), "reports": reports}
    write("chain", figures, goal="<= 60 s once installed")


if __name__ == "__main__":
    main()
