"""`careledger gateway`: the HTTP front of one organization."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from careledger.cli.output import Json, progress_console, show
from careledger.errors import MissingPrerequisite

__all__ = ["gateway"]


def gateway(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen at.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    local: Annotated[
        bool,
        typer.Option(
            "--local", help="Try it: with a node, a suite and an organization of its own, for as long as it runs."
        ),
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="With --local: where its files go; by default a temporary folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve one organization's gateway over HTTP, until Ctrl-C.

    Its settings are in the environment: docs/gateway.md lists them. TLS is for the proxy in front of it. Outside a
    local chain it starts only with a token secret of its own.
    """
    try:
        import uvicorn

        from careledger.gateway.services import open_services
        from careledger.gateway.serving import serve
        from careledger.gateway.settings import PREFIX, SECRETS, Settings
    except ModuleNotFoundError as error:
        raise MissingPrerequisite("the gateway", f"{error}; pip install 'careledger[gateway]'") from None
    with ExitStack() as stack:
        if local:
            from careledger.gateway.local import local_settings

            progress_console.print("Starting a node, deploying the suite, admitting local-hospital ...")
            home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="careledger-gateway-")))
            for name, value in stack.enter_context(local_settings(home)).items():
                os.environ[PREFIX + name.upper()] = value
            os.environ.setdefault(f"{PREFIX}PUBLIC_URL", f"http://{host}:{port}")
        if workers > 1:
            os.environ.setdefault(
                "PROMETHEUS_MULTIPROC_DIR",
                stack.enter_context(tempfile.TemporaryDirectory(prefix="careledger-metrics-")),
            )
        secrets = os.environ.get(SECRETS)
        settings = Settings.load(Path(secrets) if secrets else None)
        with open_services(settings):  # what is wrong is told here, once, and not by each process
            pass
        url = f"http://{host}:{port}"
        show(
            {"url": url, "organization": settings.organization, "workers": workers},
            as_json,
            lambda console: console.print(
                f"Gateway of {settings.organization} at {url}. Ctrl-C ends it.", markup=False
            ),
        )
        serve(
            uvicorn.Config(
                "careledger.gateway.app:from_environment",
                factory=True,
                host=host,
                port=port,
                workers=workers,
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=10,
            )
        )
