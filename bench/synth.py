"""Seconds to synthesise one stage as `make synth` does, cdk-nag and CDK's own validation included (goal 60 s)."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.results import write
from infra.aws.bundle import build
from infra.aws.stages import stage_names

ROOT = Path(__file__).parents[1]


def measure(stage: str) -> dict[str, float]:
    """Wall and CPU seconds and the number of resources; packages of layers are built before (they are kept)."""
    with tempfile.TemporaryDirectory() as folder:
        told = [f"CDK_OUTDIR={folder}", f"CDK_CONTEXT_JSON={json.dumps({'stage': stage})}"]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(["env", *told, sys.executable, "-m", "infra.aws"], cwd=ROOT, check=True)
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        made = [json.loads(path.read_text()) for path in Path(folder).glob("*.template.json")]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "load": round(os.getloadavg()[0], 1),  # of all processes of the machine; wall seconds grow with it
        "resources": sum(len(template["Resources"]) for template in made),
    }


def main() -> None:
    """Measure every stage."""
    build()
    write("synth", {stage: measure(stage) for stage in stage_names()}, goal="one stage <= 60 s")


if __name__ == "__main__":
    main()
