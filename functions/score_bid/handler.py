"""ScoreBid: totals, confidence and the reasons why a person must decide."""

from functions.entry import step
from shared.usecases.score_bid import ScoreBid, score_bid

handler = step(ScoreBid, score_bid)
