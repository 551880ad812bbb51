"""A hook of CodeDeploy after the API's traffic moved: ready, and old reports are still read."""

from functions.hooks import lifecycle
from shared.usecases.check_release import CheckRelease, check_release

handler = lifecycle(CheckRelease, check_release)
