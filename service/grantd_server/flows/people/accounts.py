"""How accounts are named here: the `sub` of our access tokens, made and read back."""

from __future__ import annotations

from typing import NamedTuple

from grantd_server.model.bundle.tenants import join_place, split_place


class Account(NamedTuple):
    """An account at an authorization server of ours."""

    issuer_name: str
    """Of the trusted issuer that vouches for it."""
    tenant: str | None
    """Of that issuer."""
    name: str
    """What identifies it there, by the declared rule (B-15)."""


def local_subject(account: Account) -> str:
    """The `sub` of our access tokens: qualified by the trusted issuer's name and tenant,
    so that the same `sub` of two of them is two accounts (G-24) and none reads as a
    client id (C-07, G-25): names and tenants hold no `|`, and neither does a client id."""
    return f"{join_place(account.issuer_name, account.tenant)}|{account.name}"


def account_of(sub: str) -> Account:
    """Reads a `sub` of ours back."""
    place, _, name = sub.partition("|")
    issuer_name, tenant = split_place(place)
    return Account(issuer_name, tenant, name)


def qualified(tenant: str | None, sub: str) -> str:
    """A subject of an issuer as configuration and pseudonyms name it: with its tenant,
    as two tenants of one issuer may have the same `sub` (A-56)."""
    return sub if tenant is None else f"{tenant}|{sub}"
