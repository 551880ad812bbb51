"""The reasoning over one criterion as LangGraph threads: graph, nodes, decisions, state, what they read."""

from shared.adapters.criterion_graph.graph import LangGraphCriteria

__all__ = ["LangGraphCriteria"]
