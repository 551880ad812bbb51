"""Where a criterion's thread stands, noted in its run and in the progress of the job (spec W42, W43, W128)."""

from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import CriterionRun, Evaluation
from shared.domain.plans import criteria_progress
from shared.ports.reasoning import ThreadState
from shared.ports.records import Records

STATUS = {"finished": "completed", "interrupted": "interrupted"}  # of a thread: of its run


def note_thread(records: Records, evaluation: Evaluation, run: CriterionRun, after: ThreadState, *, step: str) -> None:
    """In one transaction. Raises Permanent DATA_CORRUPTED for a thread that neither ends nor waits."""
    if after.status not in STATUS:
        raise Permanent("DATA_CORRUPTED", f"thread {run.thread_id} stopped as {after.status}")
    with records.transaction():
        records.evaluations.mark_criterion(
            evaluation.evaluation_id,
            run.criterion_id,
            STATUS[after.status],
            interrupt_id=after.interrupt_id,
            input_hash=after.input_hash,
        )
        done = criteria_progress(records.evaluations.criterion_runs(evaluation.evaluation_id))
        records.jobs.progress(evaluation.job_id or "", done=done, step=step)
