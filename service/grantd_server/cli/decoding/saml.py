"""Pasted SAML: out of base64, base64url, a deflated message or plain XML, within bounds."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Final

from grantd.strict import Fault
from grantd_server.audit.explaining.explanation import Made
from grantd_server.audit.explaining.shown import shown
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.cli.decoding.target import Target

_MOST: Final = 64 * 1024
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_SKEW: Final = 30
_NOT_VERIFIED: Final = "NOT VERIFIED: anybody could have written this."


def xml_in(raw: str) -> bytes | None:
    """The XML of a pasted text; None where it is none."""
    if raw.lstrip().startswith("<"):
        return raw.strip().encode("utf-8", "surrogatepass")
    if _BASE64.fullmatch(raw) is None:
        return None
    text = "".join(raw.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    if data.lstrip().startswith(b"<"):
        return data.strip()
    inflated = _inflated(data)
    return inflated.strip() if inflated.lstrip().startswith(b"<") else None


def _inflated(data: bytes) -> bytes:
    """Raw DEFLATE, as the redirect binding has it; no more than could be read."""
    try:
        return zlib.decompressobj(-15).decompress(data, _MOST + 1)
    except zlib.error:
        return b""


def saml_lines(data: bytes, target: Target) -> Iterator[str]:
    """Tells what an assertion says, and what is wrong with it for a target."""
    try:
        from grantd_server.subjects.saml.outline import outline  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        yield "kind: XML, perhaps a SAML assertion; pip install 'grantd[saml]' to have it told"
        yield _NOT_VERIFIED
        return
    try:
        what, said, wrong = outline(data)
    except Fault as fault:
        yield f"kind: XML, and refused everywhere in grantd: {shown(str(fault))}"
        yield _NOT_VERIFIED
        return
    yield f"kind: {what}"
    if wrong:
        yield f"malformed, and refused everywhere in grantd: {shown(wrong)}"
    if not said:
        yield _NOT_VERIFIED
        return
    signature, signed = _signature(data, _by_name(said), target)
    if signed:
        said = signed  # what surrounds it is nobody's word
    yield "says:"
    yield from (f"  {shown(name)}: {shown(value)}" for name, value in said if value)
    yield from _against([*signature, *_checks(_by_name(said), target)])
    if signed:
        yield "VERIFIED with the key of a pinned certificate, by the code of the service."
    else:
        unchecked = "was not checked: no certificate was named with --certificate"
        yield f"{_NOT_VERIFIED} The signature {'does not hold' if signature else unchecked}."


def _by_name(said: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in said:
        found.setdefault(name, []).append(value)
    return found


def _against(made: list[Made]) -> Iterator[str]:
    from grantd_server.cli.decoding.telling import check_lines  # noqa: PLC0415 - it tells all kinds

    yield from check_lines(made)


def _signature(
    data: bytes, unverified: Mapping[str, list[str]], target: Target
) -> tuple[list[Made], list[tuple[str, str]]]:
    """Checks it by the certificates that were named, and those that the bundle pins for the
    issuer; and tells what was signed, which is nothing where it does not hold."""
    from grantd_server.subjects.saml.offline import certificates_in, signed_by  # noqa: PLC0415 - an extra
    from grantd_server.subjects.saml.outline import said_by  # noqa: PLC0415 - an extra

    certificates = list(target.certificates)
    providers = () if target.snapshot is None else target.snapshot.identity_providers.values()
    for provider in providers:
        if provider.saml is not None and [provider.saml.entity_id] == unverified.get("Issuer"):
            certificates += certificates_in("\n".join(provider.saml.certificates).encode())
    if not certificates:
        return [], []
    try:
        signed = signed_by(data, certificates)
    except Fault as fault:
        return [Made("", f"signature: {fault.check}", False, fault.expected, fault.got)], []
    made = Made("", "signature", True, "the key of a pinned certificate", f"SHA-256 {signed.fingerprint}")
    return [made], list(said_by(signed.element))


def _checks(said: Mapping[str, list[str]], target: Target) -> Iterator[Made]:
    now = f"now, {utc(target.now)}"
    for name, value in ((name, value) for name, values in said.items() for value in values):
        moment = _instant(value)
        if moment is None:
            continue
        if name.endswith("NotOnOrAfter"):
            yield Made("", name, target.now < moment + _SKEW, f"after {now}", value)
        elif name.endswith("NotBefore"):
            yield Made("", name, moment - _SKEW <= target.now, f"not after {now}", value)
    if target.issuer:
        found = said.get("Issuer", [])
        yield Made("", "issuer", found == [target.issuer], target.issuer, " ".join(found) or "missing")
    wanted = target.audience or target.client
    if wanted:
        found = said.get("Audience", [])
        yield Made("", "audience", wanted in found, wanted, " ".join(found) or "missing")


def _instant(value: str) -> float | None:
    try:
        found = datetime.fromisoformat(value)
        return found.timestamp() if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
