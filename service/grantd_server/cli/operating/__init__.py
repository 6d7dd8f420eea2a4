"""Commands that run grantd and look after its database, its keys and its surroundings."""
