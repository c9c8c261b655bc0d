"""The server process."""

from __future__ import annotations

import contextlib
import socket

import uvicorn
from fastapi import FastAPI

from ado_service.api.access import is_loopback
from ado_service.api.app import create_app
from ado_service.settings import Settings
from ado_service.store.store import Store

_GRACE_SECONDS = 10


class BindError(ValueError):
    """The server must not listen there; the message says what to do."""


class Server(uvicorn.Server):
    """Uvicorn, which tells the service that it shuts down before it waits for open requests.

    Streams of events would otherwise keep it waiting.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End every stream, finish what is under way, then close the service."""
        app = self.config.app
        if isinstance(app, FastAPI) and hasattr(app.state, "service"):
            app.state.service.close_soon()
        await super().shutdown(sockets)


def check_bind(settings: Settings) -> None:
    """See that nobody but this machine can reach a server without a key.

    Raises:
        BindError: the address is not loopback and there is no key.
    """
    if not settings.api_key and not is_loopback(settings.host):
        raise BindError(
            f"refusing to listen on {settings.host} without a key: anyone who reaches it could "
            "run jobs. Set ADO_API_KEY to a long random secret, or listen on 127.0.0.1"
        )


def make_server(settings: Settings, *, run_jobs: bool = True) -> Server:
    """A server, not started yet.

    Raises:
        BindError: see `check_bind`.
    """
    check_bind(settings)
    config = uvicorn.Config(
        create_app(settings, run_jobs=run_jobs),
        host=settings.host,
        port=settings.port,
        lifespan="on",
        ws="none",
        # Whoever a proxy says the client is: nothing here depends on it.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        log_config=None,
    )
    return Server(config)


def serve(settings: Settings, *, run_jobs: bool = True) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered, the running job handed back.

    Raises:
        BindError: see `check_bind`.
        StoreError: the design database cannot be used.
    """
    server = make_server(settings, run_jobs=run_jobs)
    # Uvicorn reports an application that cannot start by a traceback: a database that cannot be
    # used is found here first, and said in one line by whoever calls this.
    Store.open(settings.database_url, home=settings.data_dir).close()
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
