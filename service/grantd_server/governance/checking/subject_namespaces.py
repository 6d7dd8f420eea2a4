"""Keeps people apart: a `sub` is unique for its issuer (A-56), whoever signed the person in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.model.governed import SubjectRule

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle


def check_subject_namespaces(bundle: Bundle, faults: Faults) -> None:
    """Two providers may know two people by one identifier; behind one grant issuer each
    then says whose it is."""
    providers = {provider.name: provider for provider, _ in sound(bundle.identity_providers)}
    for issuer, declared in sound(bundle.grant_issuers):
        names = set(issuer.identity_providers)
        if len(names) < 2 or not names <= providers.keys():
            continue
        for name in sorted(names):
            if providers[name].subject.rule is not SubjectRule.QUALIFIED:
                sentence = (
                    f"{issuer.name} accepts several providers, so that {name} needs subject: qualified; "
                    "otherwise two people could be one"
                )
                faults.add(declared.node.at("identity_providers"), declared.label, sentence)
