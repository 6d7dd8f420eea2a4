"""The generated part of docs/configuration.md: every setting, from the settings themselves."""

from enum import Enum

from grantd_server.settings.leaves import leaves

BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def settings_table() -> str:
    """One table a section, in the order of the settings."""
    lines = []
    section = None
    for leaf in leaves():
        above = ".".join(leaf.path[:-1])
        if above != section:
            section = above
            lines += ["", f"### {above or 'top level'}", ""]
            lines += ["| setting | variable | default | meaning |", "| --- | --- | --- | --- |"]
        lines.append(f"| `{leaf.name}` | `{leaf.variable}` | {_default(leaf)} | {leaf.field.description} |")
    return "\n".join(lines[1:]) + "\n"


def _default(leaf) -> str:
    if leaf.field.is_required():
        return "needed in its section" if leaf.in_optional else "needed"
    value = leaf.field.get_default(call_default_factory=True)
    if value is None or value in ({}, ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.name.lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
