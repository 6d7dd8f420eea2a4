"""One HTTP request, read strictly and packed as the message of one RPC."""
