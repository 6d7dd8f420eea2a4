"""What operators see of a call beside its record: metrics, spans, log lines.

Each is a projection of the record. Nothing here decides, and no fault here reaches
a caller: telemetry is on the short list of what may fail open.
"""

from __future__ import annotations

from grantd_server.telemetry.calls import Options, Telemetry

__all__ = ["Options", "Telemetry"]
