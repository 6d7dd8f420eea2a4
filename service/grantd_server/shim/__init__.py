"""OAuth wire formats over the RPCs. Imports stubs and refusals, never a flow."""
