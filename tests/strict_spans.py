"""A span processor for tests: fails on any name or value that the allow-list does not know."""

import re

from opentelemetry.sdk.trace import SpanProcessor

from grantd_server.telemetry import names
from grantd_server.telemetry.attributes import LONGEST

_STEP = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*")


class StrictSpans(SpanProcessor):
    """Keeps finished spans in `spans`, root last, and asserts what each may carry."""

    def __init__(self):
        self.spans = []

    def on_end(self, span):
        assert span.name in names.METHODS.values() or span.name == names.OTHER or _STEP.fullmatch(span.name), span.name
        assert span.attributes.keys() <= names.ATTRIBUTES.keys(), span.attributes
        assert not span.events, "an event carries whatever an exception says"
        assert span.status.description is None
        for value in span.attributes.values():
            for text in value if isinstance(value, tuple) else (str(value),):
                assert len(text) <= LONGEST
        self.spans.append(span)

    @property
    def root(self):
        (found,) = [span for span in self.spans if span.name in (*names.METHODS.values(), names.OTHER)]
        return found
