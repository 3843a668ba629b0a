"""Job queue entries of mappings: when each runs by itself, what came of it, and what wakes it."""
