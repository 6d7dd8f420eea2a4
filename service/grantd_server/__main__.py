"""`grantd`, and `python -m grantd_server`: hands over to the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; a library that is not installed ends in one sentence.

    The plain distribution is the client only, and yet it installs this script.
    """
    try:
        from grantd_server.cli.app import app  # noqa: PLC0415 - needs typer, which an extra installs
        from grantd_server.cli.terminal.writing import writing  # noqa: PLC0415 - the same

        with writing():
            app(prog_name="grantd")
    except ModuleNotFoundError as missing:
        library = (missing.name or "").partition(".")[0]
        if library in {"", "grantd", "grantd_server"}:
            raise  # a fault of ours is not mended by installing something
        sys.stderr.write(f"{library} is not installed: pip install 'grantd[server]'\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
