"""ParkCriteria: the group's criteria that need a model go to people."""

from functions.entry import step
from shared.usecases.park_criteria import ParkCriteria, park_criteria

handler = step(ParkCriteria, park_criteria)
