"""From what is declared to a snapshot: everything a call looks up."""
