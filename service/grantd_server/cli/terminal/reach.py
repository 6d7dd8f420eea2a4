"""Where the commands of administrators are done: at the store of the settings, or at a
running service (`--server`). They speak through the same clients either way."""

from __future__ import annotations

import functools
import inspect
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from grantd_server.cli.terminal.ending import USAGE, Config, Existence, author, end, opened, settings_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import grpc.aio

    from grantd.administration import AsyncDecisions, AsyncGovernance

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="GRANTD_SERVER",
        metavar="HOST:PORT",
        help="A running service; else the store of the settings.",
    ),
]
Ca = Annotated[
    Path | None, typer.Option("--ca", envvar="GRANTD_SERVER_CA", help="Authorities of its certificate, PEM.")
]
Cert = Annotated[
    Path | None,
    typer.Option("--cert", envvar="GRANTD_SERVER_CERT", help="Our certificate, which says who we are, PEM."),
]
Key = Annotated[Path | None, typer.Option("--key", envvar="GRANTD_SERVER_KEY", help="Its private key, PEM.")]
Name = Annotated[
    str | None,
    typer.Option("--server-name", envvar="GRANTD_SERVER_NAME", help="Name in its certificate, where that differs."),
]


@dataclass(frozen=True, slots=True)
class Reach:
    """How the service is reached."""

    config: Path | None = None
    server: str | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    name: str | None = None

    @asynccontextmanager
    async def governance(
        self, existence: Existence = Existence.DEMANDED, secrets: Path | None = None
    ) -> AsyncIterator[AsyncGovernance]:
        """The client that others have, over a channel as below."""
        from grantd.administration import AsyncGovernance  # noqa: PLC0415 - late, as all commands
        from grantd.client.channel import Opened  # noqa: PLC0415 - the same

        async with self.channel(existence, secrets) as channel:
            yield AsyncGovernance(Opened(channel))

    @asynccontextmanager
    async def decisions(self) -> AsyncIterator[AsyncDecisions]:
        """The same for DecisionService."""
        from grantd.administration import AsyncDecisions  # noqa: PLC0415 - late, as all commands
        from grantd.client.channel import Opened  # noqa: PLC0415 - the same

        async with self.channel() as channel:
            yield AsyncDecisions(Opened(channel))

    @asynccontextmanager
    async def channel(
        self, existence: Existence = Existence.DEMANDED, secrets: Path | None = None
    ) -> AsyncIterator[grpc.aio.Channel]:
        """A channel to GovernanceService and DecisionService. Without `--server` it leads
        into this process, as an administrator of the account that runs the command.

        `secrets` is the folder that references to secrets are relative to, or None
        where they are not looked at.
        """
        if self.server is not None:
            async with self._remote(self.server).open_aio() as channel:
                yield channel
            return
        from grantd_server.wiring.administering import local_channel  # noqa: PLC0415 - 0.5 s

        settings = settings_of(self.config)
        if self.config is None and settings.store.url is None:
            end(USAGE, ["Name the settings with --config, or a running service with --server."])
        async with opened(settings, existence) as store:
            yield local_channel(settings, store, author(), secrets)

    def _remote(self, server: str) -> Any:
        from grantd.client.channel import ConfigurationError, Endpoint, is_loopback  # noqa: PLC0415 - late, as all commands

        try:
            if self.ca is None and self.cert is None and self.key is None:
                if not is_loopback(server):
                    end(USAGE, [f"{server} is not on this machine: it takes --ca, --cert and --key."])
                return Endpoint.loopback(server)
            if self.ca is None or self.cert is None or self.key is None:
                end(USAGE, ["--ca, --cert and --key go together."])
            return Endpoint.mtls(server, ca=self.ca, certificate=self.cert, key=self.key, server_name=self.name)
        except ConfigurationError as fault:
            end(USAGE, [f"--server: {fault}."])


_OPTIONS = {
    "config": Config, "server": Server, "ca": Ca, "cert": Cert, "key": Key, "name": Name,
}  # fmt: skip


def reaching(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of `Reach`; its parameter `reach` gets them."""
    signature, hints = inspect.signature(command), get_type_hints(command, include_extras=True)
    own = [given.replace(annotation=hints[name]) for name, given in signature.parameters.items() if name != "reach"]
    more = [
        inspect.Parameter(f"reach_{name}", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        command(**{key: value for key, value in given.items() if not key.startswith("reach_")}, reach=_reach(given))

    told: Any = wrapped
    told.__signature__ = signature.replace(parameters=[*own, *more])
    told.__annotations__ = {key: hint for key, hint in hints.items() if key != "reach"} | {
        f"reach_{name}": annotation for name, annotation in _OPTIONS.items()
    }
    return wrapped


def _reach(given: dict[str, Any]) -> Reach:
    # Why there is no connection is said once, by us; gRPC would write its log beside it.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    return Reach(**{name: given[f"reach_{name}"] for name in _OPTIONS})
