"""The command line `grantd`: one file a subject, heavy imports inside the commands."""
