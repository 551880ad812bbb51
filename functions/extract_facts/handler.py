"""ExtractFacts: read the typed values of a bid with their places (spec W35, E39-E42)."""

from functions.entry import step
from shared.usecases.extract_facts import ExtractFacts, extract_facts

handler = step(ExtractFacts, extract_facts)
