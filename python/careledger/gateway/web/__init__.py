"""The console's pages: words in two languages, templates, and the static files that browsers get."""

from careledger.gateway.web.pages import PAGES, TAG, Page, install_error_pages, render, static_file
from careledger.gateway.web.words import LANGUAGES, Words, language_of, words

__all__ = [
    "LANGUAGES",
    "PAGES",
    "TAG",
    "Page",
    "Words",
    "install_error_pages",
    "language_of",
    "render",
    "static_file",
    "words",
]
