"""The company's OpenID provider: canaille with two people, one group and one client.

Runs inside canaille's own environment, which knows nothing of grantd:
`.canaille/bin/python directory_server.py CONFIG`, where CONFIG is what
`directory.Directory` writes. Serves plain HTTP on loopback, for the demo and tests only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from werkzeug.serving import WSGIRequestHandler, make_server


class _QuietHandler(WSGIRequestHandler):
    """Writes no access log: its lines would hold authorization codes."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""


def _seed(people: list[dict[str, Any]], client: dict[str, Any]) -> None:
    """Writes the people, their groups and the one client, all known beforehand."""
    groups: dict[str, list[Any]] = {}
    for person in people:
        user = models.User(
            user_name=person["user_name"],
            formatted_name=person["name"],
            family_name=person["name"].rpartition(" ")[2],
            emails=[person["email"]],
            password=person["password"],
        )
        Backend.instance.save(user)
        for group in person["groups"]:
            groups.setdefault(group, []).append(user)
    for name, members in groups.items():
        Backend.instance.save(models.Group(display_name=name, members=members))
    registered = models.Client(**client)
    Backend.instance.save(registered)
    # The audience of the ID tokens is a list of clients; the client itself is one.
    registered.audience = [registered]
    Backend.instance.save(registered)


def main(config_file: str) -> None:
    """Seeds an empty directory and serves it until it is stopped."""
    config = json.loads(Path(config_file).read_text())
    app = create_app(config=config["canaille"])
    with app.app_context(), Backend.instance.session():
        _seed(config["people"], config["client"])
    server = make_server("127.0.0.1", config["port"], app, threaded=True, request_handler=_QuietHandler)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
