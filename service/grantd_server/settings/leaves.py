"""Every single setting, by path: what variables may be called and the docs list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pydantic import BaseModel

from grantd_server.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

PREFIX: Final = "GRANTD__"


class Leaf(NamedTuple):
    """One setting."""

    path: tuple[str, ...]
    field: FieldInfo
    in_optional: bool
    """True inside a section that may be left out as a whole."""

    @property
    def name(self) -> str:
        """As the documentation spells it: `grpc.tls.key`."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The environment variable: `GRANTD__GRPC__TLS__KEY`."""
        return PREFIX + "__".join(self.path).upper()

    def holds(self, kind: type) -> bool:
        """True when its value is, or may be, of `kind`."""
        return _mentions(self.field.annotation, kind)


def leaves(
    section: type[BaseModel] = Settings, above: tuple[str, ...] = (), *, optional: bool = False
) -> Iterator[Leaf]:
    """Walks all settings in the order of their sections."""
    for name, field in section.model_fields.items():
        inner = _section_of(field.annotation)
        if inner is None:
            yield Leaf((*above, name), field, optional)
        else:
            yield from leaves(inner, (*above, name), optional=optional or field.annotation is not inner)


def names(section: type[BaseModel] = Settings, above: tuple[str, ...] = ()) -> Iterator[str]:
    """All names, those of sections included, for suggestions."""
    for name, field in section.model_fields.items():
        yield ".".join((*above, name))
        inner = _section_of(field.annotation)
        if inner is not None:
            yield from names(inner, (*above, name))


def _section_of(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_mentions(part, kind) for part in get_args(annotation))
