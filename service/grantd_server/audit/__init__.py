"""What is remembered of each call: the record, its chain, and who may read it."""
