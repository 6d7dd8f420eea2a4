"""Reads what an issuer of ours does with DPoP proofs (RFC 9449)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.governed import DpopPolicy

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

_USES = ("off", "optional", "required")


def read_dpop(fields: Fields) -> DpopPolicy | None:
    """`dpop` and `dpop_nonces`; None where proofs are refused, as they are unless said
    otherwise."""
    use = fields.optional("dpop", _use, "off")
    nonces = fields.optional("dpop_nonces", scalars.flag, True)
    if use == "off":
        if "dpop_nonces" in fields:
            fields.wrong("dpop_nonces", "dpop is off here, so that no nonce is given out")
        return None
    return DpopPolicy(required=use == "required", nonces=nonces)


def read_jwt_dpop(fields: Fields, policy: DpopPolicy | None) -> bool:
    """`jwt_dpop_grant`: the second name of the grant type."""
    offered = fields.optional("jwt_dpop_grant", scalars.flag, False)
    if offered and policy is None:
        fields.wrong("jwt_dpop_grant", "dpop is off here, and the grant type is for grants that are bound to a key")
    return offered


def _use(node: Node) -> str:
    if node.value not in _USES:
        raise Wrong(f"one of {', '.join(_USES)} is expected")
    return str(node.value)
