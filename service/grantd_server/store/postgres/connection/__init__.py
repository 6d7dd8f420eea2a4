"""One connection: its address, its making, what its faults mean."""
