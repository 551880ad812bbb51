"""Work task jobs through under a lease; the message is only a hint (spec W18)."""

from functions.entry import queue
from shared.usecases.work_tasks import WorkTasks, work_tasks

handler = queue("work_tasks", WorkTasks, work_tasks)
