"""The issuers of the service: where each is, and what it publishes."""
