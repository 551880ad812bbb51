"""Which way of cutting text into terms rows and search results name; terms.py is that way, and slow to load."""

TERM_VERSION = "1"
