"""Several workers on one machine: their supervisor, each worker, what they share."""
