"""GovernanceService: bundles, their versions, simulation, kill switches."""
