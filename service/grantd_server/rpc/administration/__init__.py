"""The services of administrators and auditors."""
