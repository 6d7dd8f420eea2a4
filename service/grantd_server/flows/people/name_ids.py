"""Who a grant is for by SAML NameID, where the server it is for goes by that (A-66)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.model.bundle.governed import AuthorizationServer, SubjectRule

if TYPE_CHECKING:
    from grantd_server.flows.terms.targets import Target
    from grantd_server.model.bundle.governed import GrantIssuer
    from grantd_server.subjects.identity import Identity


def name_id_claims(issuer: GrantIssuer, target: Target, identity: Identity) -> dict[str, object]:
    """The NameID of the very assertion that `sub` was read from, for a server that is
    declared to resolve users by those of its issuer. Nobody else is told it."""
    sub_id, server = identity.sub_id, target.server
    if sub_id is None:
        return {}
    if isinstance(server, AuthorizationServer):
        trusted = server.trusted.get(issuer.issuer)
        by_name_id = trusted is not None and trusted.subject.rule is SubjectRule.SAML_NAMEID
        issuers = trusted.subject.values if trusted is not None and by_name_id else frozenset()
    else:
        issuers = server.name_id_issuers
    return {"sub_id": dict(sub_id)} if sub_id["issuer"] in issuers else {}
