"""The console: pages for people, in English and Chinese. What they show, they ask the HTTP API for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated

from fastapi import APIRouter, Cookie, Header, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from careledger.errors import ChainError
from careledger.gateway.deps import OpenServices
from careledger.gateway.problems import responses
from careledger.gateway.web import LANGUAGES, PAGES, TAG, Page, language_of, render, static_file

__all__ = ["pages", "router"]

router = APIRouter()


class Chain(BaseModel):
    """The chain that this gateway follows. Without an answer of its node, block and time are null."""

    chain_id: int
    block_number: int | None
    block_time: int | None = Field(description="Unix seconds.")


@router.get("/chain", tags=["operation"], responses=responses(429))
def chain(services: OpenServices) -> Chain:
    """The chain, and its newest block."""
    connection = services.connection
    try:
        number, time = connection.block_number(), connection.block_time()
    except ChainError:
        return Chain(chain_id=connection.chain_id, block_number=None, block_time=None)
    return Chain(chain_id=connection.chain_id, block_number=number, block_time=time)


@router.get("/static/{version}/{name}", include_in_schema=False)
def static(version: str, name: str) -> Response:
    """A style, a script or a picture of the pages."""
    return static_file(version, name)


def _shown(page: Page, language: str) -> Callable[[Request], Response]:
    def show(request: Request) -> Response:
        return render(request, page.name, language, page=page)

    return show


def _redirected(path: str) -> Callable[..., Response]:
    def redirect(
        request: Request, lang: Annotated[str | None, Cookie()] = None, accept_language: Annotated[str, Header()] = ""
    ) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        found = f"/{language_of(lang, accept_language)}{path}{query}"
        return RedirectResponse(found, 307, {"Vary": "Accept-Language, Cookie"})

    return redirect


def _moved(path: str) -> Callable[[], Response]:
    return lambda: RedirectResponse(path, 307)


def pages(taken: Collection[str]) -> APIRouter:
    """The pages in each language. The path of a page without its language leads to the reader's, unless it is one of
    `taken`, those of the API.
    """
    served = APIRouter()

    def add(path: str, endpoint: Callable[..., Response]) -> None:
        served.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False, tags=[TAG])

    add("/", _redirected(PAGES[0].path))
    for page in PAGES:
        if page.path not in taken:
            add(page.path, _redirected(page.path))
    for language in LANGUAGES:
        add(f"/{language}", _moved(f"/{language}{PAGES[0].path}"))
        for page in PAGES:
            add(f"/{language}{page.path}", _shown(page, language))
    return served
