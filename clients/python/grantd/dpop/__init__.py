"""DPoP (RFC 9449): proofs verified here; made, sent and numbered in the modules below."""

from grantd.dpop.proof import ALGORITHMS, LONGEST_NONCE, LONGEST_PROOF, MAX_AGE, Proof, access_token_hash, verify

__all__ = ["ALGORITHMS", "LONGEST_NONCE", "LONGEST_PROOF", "MAX_AGE", "Proof", "access_token_hash", "verify"]
