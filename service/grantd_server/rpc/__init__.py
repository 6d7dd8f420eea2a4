"""RPCs over two adapters: protobuf in, protobuf out; nothing is decided here."""
