"""A hook of CodeDeploy before the API's traffic moves: the new version evaluates a small bid, or nothing moves."""

from functions.hooks import lifecycle
from shared.usecases.verify_release import VerifyRelease, verify_release

handler = lifecycle(VerifyRelease, verify_release)
