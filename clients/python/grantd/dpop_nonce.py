"""`Nonces`, by the name it had before `grantd.dpop.nonce`."""

from grantd.dpop.nonce import LIFE, RENEWAL, Nonces

__all__ = ["LIFE", "RENEWAL", "Nonces"]
