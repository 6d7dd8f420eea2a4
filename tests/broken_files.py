"""Forty ways to break a directory of governance files, and what has to be told of each: the
place, by the text that stands there, and words of the sentence. Written down before any of
them was tried."""

from __future__ import annotations

from typing import NamedTuple

from northwind import BUNDLE


class Told(NamedTuple):
    """One line that must be among those that are told."""

    at: str
    """The text at the place; empty: the file as a whole."""
    words: tuple[str, ...]
    """Of the sentence, in any order."""
    file: str = "b.yaml"


class BrokenFiles(NamedTuple):
    """Files beside or instead of a bundle that is well."""

    name: str
    files: dict[str, bytes]
    told: tuple[Told, ...]
    links: tuple[tuple[str, str], ...] = ()
    """Symbolic links: name, and where they lead."""
    folders: tuple[str, ...] = ()


def _changed(old: str, new: str) -> bytes:
    if BUNDLE.count(old) != 1:
        raise AssertionError(old)
    return BUNDLE.replace(old, new).encode()


def _one(name: str, old: str, new: str, *told: Told) -> BrokenFiles:
    return BrokenFiles(name, {"b.yaml": _changed(old, new)}, told)


def _more(name: str, file: str, content: bytes | str, *told: Told) -> BrokenFiles:
    raw = content if isinstance(content, bytes) else content.encode()
    return BrokenFiles(name, {"b.yaml": BUNDLE.encode(), file: raw}, told)


FINANCE = '      subjects: {groups: ["corp:finance"]}'
RULE = "    - id: finance-reads\n"
RESERVED = "clients:\n  late:\n    at: {vendor: {client_id: late}}\n"
TWIN = """\
grants:
  northwind:
    - {id: finance-reads, effect: allow, subjects: everyone, clients: [desk], resources: [wiki], scopes: [wiki.read]}
"""

BROKEN_FILES = (
    _one("a tab before a key", "    trust_domain: workforce\n", "\ttrust_domain: workforce\n",
         Told("\ttrust_domain: workforce", ("tab", "spaces"))),
    _one("no blank after a colon", "    trust_domain: workforce\n", "    trust_domain:workforce\n",
         Told("trust_domain:workforce", ("blank", "colon"))),
    _one("a quote that is not closed", FINANCE, '      subjects: {groups: ["corp:finance]}',
         Told("", ("not YAML", "line 83, column 26"))),
    _one("a list that is not closed", "      resources: [ledger]\n      scopes: [ledger.read]\n    - id",
         "      resources: [ledger\n      scopes: [ledger.read]\n    - id", Told("", ("not YAML", "]"))),
    _one("an alias", "    claims: [department]", "    claims: *all", Told("*all", ("aliases", "write"))),
    _one("a merge key", "    effect: deny\n".replace("    ", "      ", 1), "      <<: {effect: deny}\n",
         Told("<<", ('"<<"', "merge"))),
    _one("a tag", "    claims: [department]", "    claims: !!set [department]", Told("!!set", ("tags", "leave"))),
    _more("two documents in one file", "c.yaml", RESERVED + "---\n" + RESERVED,
          Told("---", ("one document", "file"), "c.yaml")),
    _more("a list at the top", "c.yaml", "- clients\n", Told("- clients", ("mapping", "list"), "c.yaml")),
    _more("a text file", "c.yaml", "to be written\n", Told("to be written", ("mapping",), "c.yaml")),
    _more("Latin-1", "c.yaml", "# by Ada\n# Bür".encode("latin-1") + b"o\n" + RESERVED.encode(),
          Told("\xfcro", ("UTF-8",), "c.yaml")),
    _more("UTF-16", "c.yaml", RESERVED.encode("utf-16"), Told("", ("UTF-16", "UTF-8"), "c.yaml")),
    _more("a NUL", "c.yaml", RESERVED + "# \x00\n", Told("\x00", ("control character", "U+0000"), "c.yaml")),
    _more("a picture", "c.yml", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", Told("", ("UTF-8",), "c.yml")),
    _one("a bell in a name", "      - id: finance-reads\n".replace("      ", "    ", 1),
         '    - id: "finance-\\areads"\n', Told('"finance-\\areads"', ("control character",))),
    _one("yes for true", "    foreign: true\n", "    foreign: yes\n", Told("yes\n", ("true or false", '"yes"'))),
    _one("on for true", "    keys: {discovery: true}", "    keys: {discovery: on}", Told("on}", ("true", '"on"'))),
    _one("an octal number", "        reuse_limit: 2\n", "        reuse_limit: 0o2\n", Told("0o2", ("number", "1000", "0o2"))),
    _one("a number with a zero before it", "        reuse_limit: 2\n", "        reuse_limit: 010\n",
         Told("010", ("number", "1000", "010"))),
    _one("a huge number", "        reuse_limit: 2\n", "        reuse_limit: 99999999999999999999\n",
         Told("99999999999999999999", ("number", "1000"))),
    _one("an age in bare seconds", FINANCE, FINANCE + "\n      require: {max_auth_age: 3600}",
         Told("3600", ("duration", "unit", "3600s"))),
    _one("an age in two units", FINANCE, FINANCE + "\n      require: {max_auth_age: 1h30m}",
         Told("1h30m", ("duration", "1h30m"))),
    _one("a day that no calendar has", RULE, RULE + "      expires: 2027-02-30T00:00:00Z\n",
         Told("2027-02-30", ("moment", "2027-02-30"))),
    _one("hours without a zero before them", FINANCE,
         FINANCE + "\n      require: {time: {days: [mon], from: 8:00, to: 18:00, timezone: UTC}}",
         Told("8:00, to", ("time of day", "08:00"))),
    _one("a day in words", FINANCE,
         FINANCE + "\n      require: {time: {days: [monday], from: 08:00, to: 18:00, timezone: CET}}",
         Told("monday", ("mon", '"monday"'))),
    _one("an effect in capitals", "      effect: deny\n", "      effect: Deny\n",
         Told("Deny", ("allow", "deny", '"Deny"'))),
    _one("one scope, not a list", "      scopes: [ledger.read]\n    - id", "      scopes: ledger.read\n    - id",
         Told("ledger.read\n    - id", ("list", "brackets"))),
    _one("group for groups", FINANCE, '      subjects: {group: ["corp:finance"]}',
         Told("group: [", ('"group"', '"groups"'))),
    _one("everyone in a list", FINANCE, "      subjects: [everyone]", Told("[everyone]", ("everyone", "list"))),
    _one("no people at all", FINANCE, "      subjects: {groups: []}", Told("[]", ("1 to 1000",))),
    _one("no named as a group", FINANCE, "      subjects: {groups: [no]}", Told("no]}", ("not qualified", "PROVIDER:NAME"))),
    _one("a server in place of a provider", "    identity_providers: [corp]\n", "    identity_providers: [corp, tools]\n",
         Told("tools]\n", ('no identity provider "tools"', "authorization_servers"))),
    _one("a resource in place of a client", "      clients: [desk]\n      resources: [ledger]\n",
         "      clients: [ledger]\n      resources: [ledger]\n", Told("ledger]\n      resources: [ledger]", ("no client", "is a resource of tools"))),
    _one("a secret in the file", "          - secret: {env: DESK_SECRET}\n", "          - secret: hunter2-hunter2\n",
         Told("hunter2-hunter2", ("env", "file"))),
    _one("a secret in the file, by a key of its own", "          - secret: {env: DESK_SECRET}\n",
         "          - secret: {value: hunter2-hunter2}\n", Told("value: hunter2", ('"value"', "env"))),
    _one("an issuer without TLS", "    issuer: https://login.northwind.example\n",
         "    issuer: http://login.northwind.example\n", Told("http://login", ("https",))),
    _one("an address in two places", "    uri: https://wiki.northwind.example\n",
         "    uri: https://mcp.northwind.example/ledger/\n", Told("https://mcp.northwind.example/ledger/\n    authorization", ("ledger",))),
    _one("two servers of one trust domain that trusts itself", "    trust_domain: fabrikam\n", "    trust_domain: tools\n",
         Told("fabrikam:\n        subject", ("fabrikam", "tools", "domain"))),
    _more("one rule id in two files", "c.yaml", TWIN, Told("finance-reads, effect", ("used already", "b.yaml", "line 81"), "c.yaml")),
    _more("one client in two files", "c.yaml", "clients:\n  desk:\n    at: {vendor: {client_id: late}}\n",
          Told("desk:", ('"desk"', "already", "b.yaml", "line 63"), "c.yaml")),
    BrokenFiles("nothing but an empty file", {"b.yaml": b""}, (Told("", ("empty", "section"), ""),)),
    BrokenFiles("nothing but comments", {"b.yaml": b"# to be written\n\n"}, (Told("", ("empty", "section"), ""),)),
    BrokenFiles("another ending", {"bundle.json": b"{}"}, (Told("", ("YAML", "bundle.json"), ""),)),
    BrokenFiles("an ending in capitals", {"b.yaml": BUNDLE.encode(), "MORE.YAML": RESERVED.encode()},
                (Told("", ("ending", ".yaml"), "MORE.YAML"),)),
    BrokenFiles("a link that leads nowhere", {"b.yaml": BUNDLE.encode()},
                (Told("", ("link", "leads nowhere"), "c.yaml"),), links=(("c.yaml", "gone.yaml"),)),
    BrokenFiles("a folder with the name of a file", {"b.yaml": BUNDLE.encode()},
                (Told("", ("folder", "file"), "c.yaml"),), folders=("c.yaml",)),
    BrokenFiles("links in a circle", {"b.yaml": BUNDLE.encode()},
                (Told("", ("link",), "c.yaml"),), links=(("c.yaml", "d.yaml"), ("d.yaml", "c.yaml"))),
    BrokenFiles(
        "a fault in each of three files",
        {"b.yaml": _changed("      effect: deny\n", "      effect: dney\n"), "c.yaml": b"clientz: {}\n", "d.yaml": b"a: [\n"},
        (Told("dney", ("deny",)), Told("clientz", ("clients",), "c.yaml"), Told("", ("not YAML",), "d.yaml")),
    ),
)  # fmt: skip

SOUND_FILES = (
    BrokenFiles("a byte order mark", {"b.yaml": b"\xef\xbb\xbf" + BUNDLE.encode()}, ()),
    BrokenFiles("lines as Windows ends them", {"b.yaml": BUNDLE.replace("\n", "\r\n").encode()}, ()),
    BrokenFiles("an empty file beside a bundle", {"b.yaml": BUNDLE.encode(), "c.yaml": b"# later\n"}, ()),
    BrokenFiles("a document mark", {"b.yaml": b"---\n" + BUNDLE.encode() + b"...\n"}, ()),
    BrokenFiles("a link to a file", {"b.txt": BUNDLE.encode()}, (), links=(("b.yaml", "b.txt"),)),
    BrokenFiles("notes and copies", {"b.yaml": BUNDLE.encode(), "b.yaml~": b"x: [", "README.md": b"# notes", ".b.yaml.swp": b"\x00"}, ()),
    BrokenFiles("a rule that has expired", {"b.yaml": _changed(RULE, RULE + "      expires: 2020-01-01T00:00:00Z\n")}, ()),
)  # fmt: skip
"""What only looks broken."""
