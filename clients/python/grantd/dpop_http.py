"""`DpopAuth`, by the name it had before `grantd.dpop.http`."""

from grantd.dpop.http import DpopAuth

__all__ = ["DpopAuth"]
