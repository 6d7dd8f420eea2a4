"""DecisionService: what was decided, and why."""
