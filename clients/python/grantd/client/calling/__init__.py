"""How calls are made: described once, run by threads or by an event loop."""
