"""Keeps people apart: a `sub` is unique for its issuer (A-56), whoever signed the person in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.model.bundle.governed import SubjectRule

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle
    from grantd_server.model.bundle.governed import IdentityProvider


_APART = {SubjectRule.QUALIFIED, SubjectRule.PAIRWISE}
"""Rules whose subjects have the provider's name in them, or in what they are made of."""


def _alone(provider: IdentityProvider, others: list[IdentityProvider]) -> bool:
    """Whether nobody of another provider can be in this one's tenant (A-56): a `sub` is
    unique within its tenant."""
    source = provider.tenant
    if source is None or source.fixed is None:
        return False
    return all(other.tenant is not None and other.tenant.fixed not in {None, source.fixed} for other in others)


def check_subject_namespaces(bundle: Bundle, faults: Faults) -> None:
    """Two providers may know two people by one identifier; behind one grant issuer each
    then says whose it is."""
    providers = {provider.name: provider for provider, _ in sound(bundle.identity_providers)}
    for issuer, declared in sound(bundle.grant_issuers):
        names = set(issuer.identity_providers)
        if len(names) < 2 or not names <= providers.keys():
            continue
        for name in sorted(names):
            alone = _alone(providers[name], [providers[other] for other in names - {name}])
            if providers[name].subject.rule not in _APART and not alone:
                sentence = (
                    f"{issuer.name} accepts several providers, so that {name} needs subject: qualified; "
                    "otherwise two people could be one"
                )
                faults.add(declared.node.at("identity_providers"), declared.label, sentence)
