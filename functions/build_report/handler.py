"""BuildReport: write the next immutable report version."""

from functions.entry import step
from shared.usecases.build_report import BuildReport, build_report

handler = step(BuildReport, build_report)
