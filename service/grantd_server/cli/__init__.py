"""The command line: `grantd`."""
