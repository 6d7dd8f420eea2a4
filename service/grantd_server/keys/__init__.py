"""Our signing keys, and the public keys of others."""
