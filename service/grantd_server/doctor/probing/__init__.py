"""`--probe`: a real sign-in is walked through both legs to the MCP server."""
