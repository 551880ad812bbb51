"""The full form: python -m tests.chaos [--seed N] [--evaluations 100] [--kills 100]; `make chaos SEED=N`.

Prints the seed and what each check found, writes bench/results/chaos.json, and ends with 1 when something is wrong.
"""

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from bench.results import write
from tests.chaos.checks import check_all, no_process_is_left
from tests.chaos.kills import kinds_of
from tests.chaos.storm import Storm, storm_over

LONGEST = 2.0  # seconds between two kills
GOAL = "100 evaluations, 100 kills: all finish; 0 findings, 0 refused tokens"


def main() -> None:
    """Rage, check, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="after these nothing more is killed")
    options = parser.parse_args()
    print(f"seed {options.seed}: {options.evaluations} evaluations, {options.kills} kills", flush=True)
    began = time.monotonic()
    made = tempfile.TemporaryDirectory(prefix="bidproof-chaos-")
    with made as folder, storm_over(Path(folder) / "data", options.seed) as storm:
        kinds = kinds_of(options.kills, storm.chance)
        storm.rage(options.evaluations, kinds, longest=LONGEST, patience=options.minutes * 60)
        raged = round(time.monotonic() - began)
        found = check_all(storm)
        figures = figures_of(storm) | {"seconds": raged}
    found["no_process_is_left"] = no_process_is_left(storm)
    for name, lines in found.items():
        print(f"{'ok  ' if not lines else 'WRONG'} {name}", *lines, sep="\n    ", flush=True)
    figures["findings"] = {name: len(lines) for name, lines in found.items()}
    write("chaos", figures, goal=GOAL)
    whole = (figures["finished"], figures["kills"]) == (options.evaluations, options.kills)
    sys.exit(0 if whole and not any(found.values()) else 1)


def figures_of(storm: Storm) -> dict[str, object]:
    """What was done, counted from the database."""
    ((finished,),) = storm.rows("select count(*) from evaluations where status in ('report_generated', 'rejected')")
    ((audited,),) = storm.rows("select count(*) from audit_log")
    ((again,),) = storm.rows("select count(*) from step_attempts where attempt > 1")
    return {
        "seed": storm.seed,
        "evaluations": len(storm.people.expected),
        "finished": finished,
        "documents": len(storm.people.documents),
        "kills": storm.kills.done.total(),
        "kills_by_kind": dict(sorted(storm.kills.done.items())),
        "commits_whose_caller_died_unheard": len(storm.kills.unheard),
        "answers_asked_for_again": {name: count for name, count in sorted(storm.people.seen.items()) if count},
        "step_attempts_after_the_first": again,
        "audit_entries": audited,
        "refused_tokens": len(storm.people.refused),
    }


if __name__ == "__main__":
    main()
