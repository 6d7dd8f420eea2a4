"""What came of a simulation: counted while it runs, joined, told."""
