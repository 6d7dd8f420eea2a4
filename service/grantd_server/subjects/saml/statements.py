"""Reads a verified Assertion element: SAML core section 2, as far as a sign-in needs it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from grantd import claims as read
from grantd.strict import Fault
from grantd_server.subjects.saml.assertion import Assertion, Confirmation, NameId
from grantd_server.subjects.saml.names import BEARER, saml

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z")
_LONGEST_URI: Final = 1024
_CONDITIONS: Final = frozenset({saml("AudienceRestriction"), saml("OneTimeUse"), saml("ProxyRestriction")})


def read_assertion(signed: Element) -> Assertion:
    """Reads the element that the signature covers, and nothing else.

    Raises:
        Fault: something is missing, is there twice, or has a content of another kind.
    """
    subject, conditions = _one(signed, "Subject"), _one(signed, "Conditions")
    event = _one(signed, "AuthnStatement")
    return Assertion(
        id=signed.get("ID", ""),
        issuer=text_of(_one(signed, "Issuer")),
        issued=_required_instant(signed, "IssueInstant"),
        name_id=_name_id(_one(subject, "NameID")),
        confirmations=_confirmations(subject),
        not_before=_instant(conditions, "NotBefore"),
        expires=_required_instant(conditions, "NotOnOrAfter"),
        audiences=_audiences(conditions),
        one_time=conditions.find(saml("OneTimeUse")) is not None,
        auth_time=_required_instant(event, "AuthnInstant"),
        session_expires=_instant(event, "SessionNotOnOrAfter"),
        acr=_acr(event),
        attributes=_attributes(signed),
    )


def text_of(element: Element, limit: int = _LONGEST_URI) -> str:
    """The whole text of an element that has nothing but text: a reader that stops at a
    child would see the first half of it."""
    name = str(element.tag).rpartition("}")[2]
    if len(element):
        raise Fault(f"claim:{name}", "a text", "elements")
    text = read.text({name: element.text or ""}, name, limit)
    if text != text.strip():
        raise Fault(f"claim:{name}", "a text without blanks around it", "blanks")
    return text


def _one(parent: Element, name: str) -> Element:
    found = parent.findall(saml(name))
    if len(found) != 1:
        raise Fault(f"claim:{name}", "one", str(len(found)))
    return found[0]


def _name_id(element: Element) -> NameId:
    return NameId(
        value=text_of(element, read.LONGEST_TEXT),
        format=_attribute(element, "Format"),
        name_qualifier=_attribute(element, "NameQualifier"),
        sp_name_qualifier=_attribute(element, "SPNameQualifier"),
        sp_provided_id=_attribute(element, "SPProvidedID"),
    )


def _attribute(element: Element, name: str) -> str | None:
    value = element.get(name)
    return None if value is None else read.text({name: value}, name, _LONGEST_URI)


def _confirmations(subject: Element) -> tuple[Confirmation, ...]:
    """Only bearer: a key holder would have to prove the key, and nothing here asks for it."""
    found = []
    for confirmation in subject.findall(saml("SubjectConfirmation")):
        data = confirmation.find(saml("SubjectConfirmationData"))
        if confirmation.get("Method") != BEARER or data is None:
            continue
        found.append(
            Confirmation(
                recipient=_attribute(data, "Recipient"),
                not_before=_instant(data, "NotBefore"),
                expires=_instant(data, "NotOnOrAfter"),
            )
        )
    return tuple(found)


def _audiences(conditions: Element) -> tuple[frozenset[str], ...]:
    """A condition that is not understood makes the assertion invalid (core section 2.5.1.1)."""
    strange = [child for child in conditions if child.tag not in _CONDITIONS]
    if strange:
        raise Fault("claim:Conditions", "conditions that are understood", "another one")
    return tuple(
        frozenset(text_of(audience) for audience in restriction.findall(saml("Audience")))
        for restriction in conditions.findall(saml("AudienceRestriction"))
    )


def _acr(event: Element) -> str | None:
    context = _one(event, "AuthnContext")
    reference = context.find(saml("AuthnContextClassRef"))
    return None if reference is None else text_of(reference, read.LONGEST_TEXT)


def _attributes(signed: Element) -> dict[str, tuple[str, ...]]:
    """Some providers write one Attribute a value: those of one name are joined."""
    found: dict[str, tuple[str, ...]] = {}
    strange = set()
    for attribute in signed.iterfind(f"{saml('AttributeStatement')}/{saml('Attribute')}"):
        name = attribute.get("Name", "")
        values = attribute.findall(saml("AttributeValue"))
        if any(len(value) for value in values):
            strange.add(name)
        found[name] = (*found.get(name, ()), *(value.text or "" for value in values))
    return {name: values for name, values in found.items() if name not in strange}


def _required_instant(element: Element, name: str) -> float:
    moment = _instant(element, name)
    if moment is None:
        raise Fault(f"claim:{name}", "a moment", "none")
    return moment


def _instant(element: Element, name: str) -> float | None:
    """An xs:dateTime in UTC; without the Z it would be anybody's hour (core section 1.3.3)."""
    value = element.get(name)
    if value is None:
        return None
    try:
        if _INSTANT.fullmatch(value) is not None:
            return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        pass
    raise Fault(f"claim:{name}", "a moment in UTC", "another text")
