"""The application: its routes, and what is opened while it runs."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from anyio import sleep, to_thread
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartParser
from starlette.middleware.cors import CORSMiddleware

from careledger import logs
from careledger._version import __version__
from careledger.errors import NodeUnreachable
from careledger.gateway.description import describe
from careledger.gateway.fhir_notifying import Notifying
from careledger.gateway.indexing import Indexing
from careledger.gateway.limits import Edge, RequestMetrics
from careledger.gateway.metrics import forget_dead
from careledger.gateway.problems import install_problems
from careledger.gateway.routes import ROUTERS, handlers
from careledger.gateway.services import Services, open_services
from careledger.gateway.settings import SECRETS, Settings
from careledger.gateway.web import install_error_pages

__all__ = ["create_app", "from_environment"]

REQUEST_THREADS = 64
"""Of which at most half wait for jobs."""

NODE_SECONDS = 60
"""How long a process that starts waits for its node."""

DESCRIPTION = """One organization's door to careledger's contracts.

`202` means that a job is on disk, and says where to follow it; `201` that it is in a block, and which. Errors are
`application/problem+json`, FHIR's are one OperationOutcome. What could not be checked is `503`, never an answer."""


def create_app(settings: Settings) -> FastAPI:
    """The application of one gateway. What it works with is opened when it starts, and whatever is wrong raises
    then."""
    registry = CollectorRegistry()

    @contextlib.asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = REQUEST_THREADS
        with contextlib.ExitStack() as stack:
            services = await _opened(stack, settings)
            app.state.services = services
            app.state.registry = registry
            forget_dead()
            runner = services.runner(handlers(services))
            stack.enter_context(runner)
            app.state.indexing = stack.enter_context(Indexing(settings, services.ledger))
            stack.enter_context(Notifying(services))
            yield
            await run_in_threadpool(stack.close)

    app = FastAPI(
        title="careledger gateway",
        version=__version__,
        description=DESCRIPTION,
        lifespan=opened,
        redoc_url=None,
        docs_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,  # it would be built of the Host header
        license_info={"name": "MIT"},
    )
    install_problems(app)
    install_error_pages(app)
    for router in ROUTERS:
        app.include_router(router)
    describe(app)
    # Files that are sent here lie in memory: larger ones would go to a temporary file, in clear.
    MultiPartParser.spool_max_size = settings.body_limit_bytes + 1
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=[
                *(
                    "Authorization",
                    "Careledger-Min-Block",
                    "Content-Type",
                    "Idempotency-Key",
                    "If-None-Match",
                    "Prefer",
                ),
                "X-Request-Id",
            ],
            expose_headers=["Careledger-Block", "ETag", "Link", "Location", "Retry-After", "X-Request-Id"],
            allow_credentials=False,
        )
    app.add_middleware(Edge, settings=settings, metrics=RequestMetrics(registry))
    return app


async def _opened(stack: contextlib.ExitStack, settings: Settings) -> Services:
    """What the gateway works with. A node that does not answer is waited for: a process that takes the place of another
    would else end them all, because servers take a process that fails to start for a wrong setting. Raises as
    `open_services` does, and NodeUnreachable after NODE_SECONDS."""
    until = time.monotonic() + NODE_SECONDS
    while True:
        try:
            return await run_in_threadpool(stack.enter_context, open_services(settings))
        except NodeUnreachable as error:
            if time.monotonic() > until:
                raise
            logs.logger("gateway").warning("gateway.waits_for_node", problem=error.problem)
            await sleep(1)


def from_environment() -> FastAPI:
    """The application with the settings of the environment, for `uvicorn --factory`. Its events are logged to standard
    error, one JSON object a line."""
    logs.to_stderr()
    secrets = os.environ.get(SECRETS)
    return create_app(Settings.load(Path(secrets) if secrets else None))
