"""Policy tests: written beside the bundle, read strictly, run without a service."""
