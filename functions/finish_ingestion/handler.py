"""FinishIngestion: only when everything expected is there, the document is indexed and the job done (spec W38, D7)."""

from functions.entry import step
from shared.usecases.finish_ingestion import FinishIngestion, finish_ingestion

handler = step(FinishIngestion, finish_ingestion)
