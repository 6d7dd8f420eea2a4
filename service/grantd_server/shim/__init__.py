"""OAuth wire formats over the RPCs. Imports stubs and refusals, never a flow."""

from grantd_server.shim.app import Shim
from grantd_server.shim.limits import ShimLimits

__all__ = ["Shim", "ShimLimits"]
