"""`grantd decode`: what a pasted text is, what it is not, and what is wrong with it here."""
