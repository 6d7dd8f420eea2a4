"""What one gRPC caller may cost: sizes, counts and times, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MESSAGE_BYTES = 128 * 1024
"""A batch of 64 compact tokens must fit; the core checks it after decompression."""

LONGEST_CALL = 5.0
"""Seconds a call may take when its client gives no deadline or a longer one."""

LONGEST_ACT = 60.0
"""The same for administrators and auditors, who compare bundles and read months of records."""

LONGEST_STREAM = 900.0
"""And for streams: a simulation of a million decisions, or whoever follows them, who
then comes again."""

UPLOAD_BYTES = 16 * 1024 * 1024
"""All messages of one stream together: a directory of governance, twice as large as the
largest that is read."""

UPLOAD_OVERHEAD = 64
"""Bytes that a message counts beside its own, or empty ones would be for nothing."""

PIECE_TIME = 10.0
"""Seconds to wait for the next message of a stream."""

DISCARD_TIME = 1.0
"""Seconds, and how many messages, to read of a refused upload before it is told so."""

DISCARDED = 512

ANSWER_TIME = 0.020
"""Seconds taken off every deadline, so that the answer still arrives in time."""

LEAST_TIME = 0.050
"""Seconds below which a call is refused at once: it could only end half done."""

RECORD_TIME = 0.5
"""Seconds to record a call whose own time is over, or whose client has left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server grants a connection. Times are seconds."""

    metadata_bytes: int = 16 * 1024
    streams: int = 64
    """Calls under way on one connection."""
    connections: int = 512
    """Without it, idle sockets alone exhaust the process."""
    calls: int = 2048
    """Calls under way in all, stalled ones included."""
    connection_age: float = 60.0
    """The only bound on a stalled call whose client gives no deadline; also moves
    clients to new replicas."""
    connection_grace: float = 5.0
    handshake: float = 5.0
    ping_interval: float = 10.0
    """Pings more frequent than this are strikes."""
    ping_strikes: int = 2
    reuse_port: bool = False
    """Off, or a stray process could share the port."""

    def options(self) -> tuple[tuple[str, int], ...]:
        """The same in the words of grpc core."""
        return (
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            ("grpc.max_metadata_size", self.metadata_bytes // 2),
            ("grpc.absolute_max_metadata_size", self.metadata_bytes),
            ("grpc.max_concurrent_streams", self.streams),
            ("grpc.max_allowed_incoming_connections", self.connections),
            ("grpc.max_connection_age_ms", _ms(self.connection_age)),
            ("grpc.max_connection_age_grace_ms", _ms(self.connection_grace)),
            ("grpc.server_handshake_timeout_ms", _ms(self.handshake)),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", _ms(self.ping_interval)),
            ("grpc.http2.max_ping_strikes", self.ping_strikes),
            ("grpc.so_reuseport", int(self.reuse_port)),
        )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
