"""`Prover`, by the name it had before `grantd.dpop.prover`."""

from grantd.dpop.prover import Prover

__all__ = ["Prover"]
