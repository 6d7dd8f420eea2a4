"""Reads what is particular to one counterpart: its profile, its claims, its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.governed import Abroad

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.reading.texts.fields import Fields


def read_profile(fields: Fields) -> None:
    """The name of the presets that were filled in: once they are, a label."""
    fields.optional("profile", scalars.name, "")


def read_required_claims(fields: Fields) -> Mapping[str, frozenset[str]]:
    """`require_claims`: by claim, the values of which its tokens have one."""
    return {
        claim: frozenset(fields.items_of(node, f"{fields.label}.require_claims.{claim}", scalars.text))
        for claim, node in fields.mapping("require_claims").items()
    }


def read_abroad(fields: Fields) -> Abroad:
    """What a foreign authorization server accepts of a grant."""
    read_profile(fields)
    algorithms = fields.each("algorithms", scalars.algorithm, required=False)
    return Abroad(
        algorithms=frozenset(algorithms) if "algorithms" in fields else None,
        grant_lifetime=fields.optional("grant_lifetime", scalars.seconds, None),
        name_id_issuers=frozenset(fields.each("saml_nameid", scalars.text, required=False)),
    )
