"""What the doctor finds: a row for every kind of finding, and one finding of it.

Evidence is somebody else's text: it is cut, and leaves here as printable ASCII, so that
neither a terminal nor a letter that only looks like another can deceive the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

LONGEST_EVIDENCE: Final = 320
LONGEST_VALUE: Final = 120
"""Characters of one value within the evidence."""


class Severity(IntEnum):
    """How bad a finding is. Errors end the command with status 1."""

    ERROR = 0  # the flow fails, or is not safe
    WARNING = 1  # some clients or servers will fail, or it will fail some day
    NOTE = 2  # what was learnt


class Party(Enum):
    """Whom a finding is about; the value is what a person reads."""

    PROVIDER = "identity provider"
    ISSUER = "grant issuer"
    SERVER = "authorization server"
    RESOURCE = "MCP server"
    CLIENT = "client"
    BUNDLE = "governance bundle"
    HERE = "this machine"


OWNER: Final = {
    Party.PROVIDER: "the identity team",
    Party.ISSUER: "the identity team",
    Party.SERVER: "who runs the authorization server",
    Party.RESOURCE: "the owner of the MCP server",
    Party.CLIENT: "the client's developer",
    Party.BUNDLE: "the identity team",
    Party.HERE: "you",
}
"""Whose job it is to mend something about a party."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    code: str
    severity: Severity
    party: Party
    subject: str
    """Which party, by its identifier or the address that was asked."""
    sentence: str
    evidence: str
    remedy: str
    whose: str


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of finding. `whose` is empty where it is the job of the party's owner."""

    code: str
    severity: Severity
    sentence: str
    remedy: str
    whose: str = ""

    def at(self, party: Party, subject: str, evidence: str = "", remedy: str = "") -> Finding:
        """A finding of this kind; `remedy` is a closer one than that of the kind."""
        return Finding(
            self.code,
            self.severity,
            party,
            printable(subject, LONGEST_VALUE),
            self.sentence,
            printable(evidence, LONGEST_EVIDENCE),
            remedy or self.remedy,
            self.whose or OWNER[party],
        )


def cut(value: object, longest: int = LONGEST_VALUE) -> str:
    """A foreign value for evidence: in quotes, and no longer than it may be."""
    text = value if isinstance(value, str) else str(value)
    return f"'{text}'" if len(text) <= longest else f"'{text[:longest]}…' ({len(text)} characters)"


def listed(values: object, most: int = 8) -> str:
    """A foreign list for evidence."""
    found = (
        [cut(value, 80) for value in values] if isinstance(values, list | tuple | set | frozenset) else [cut(values)]
    )
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return (", ".join(found[:most]) + more) or "nothing"


def printable(text: str, longest: int) -> str:
    """The text in printable ASCII, everything else escaped; cut where it is too long."""
    short = text if len(text) <= longest else text[: longest - 3] + "..."
    return "".join(
        char if " " <= char <= "~" else char.encode("unicode_escape", "surrogatepass").decode("ascii") for char in short
    )
