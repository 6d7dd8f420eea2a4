"""What an operator may set, and what stops the start.

`load` reads one YAML file, GRANTD__SECTION__KEY variables and the secret files they
name; `check` refuses what is unsafe. Both tell every problem at once, one sentence
each, and name the setting.
"""

from __future__ import annotations

from grantd_server.settings.model import Settings
from grantd_server.settings.safety import Serving, check, issuer_problems, issuers_of
from grantd_server.settings.sources import SettingsError, load

__all__ = ["Serving", "Settings", "SettingsError", "check", "issuer_problems", "issuers_of", "load"]
