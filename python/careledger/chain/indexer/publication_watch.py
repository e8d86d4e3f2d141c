"""Tells of contracts that an index does not follow, because they were published after it was begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from careledger.chain.indexer.engine import Progress
from careledger.chain.indexer.reader import Index, View
from careledger.errors import IndexerError
from careledger.logs import logger

__all__ = ["PublicationWatch"]

log = logger("indexer")


class PublicationWatch:
    """Tells the log (`contract.not_followed`) of contracts that organizations publish while an index is kept, which it
    does not follow before it is rebuilt. To be called with the progress of an indexer."""

    def __init__(
        self,
        index: Index,
        organizations: Sequence[str],
        followed: Iterable[str],
        published_in: Callable[[View, str], list[str]],
    ) -> None:
        """`published_in` tells the addresses that an organization published, of the kinds that an index follows."""
        self._index = index
        self._organizations = organizations
        self._published_in = published_in
        self._known = {address.lower() for address in followed}

    def __call__(self, progress: Progress) -> None:
        if not progress.events:
            return
        try:
            view = self._index.at("latest")
            found = [(name, address) for name in self._organizations for address in self._published_in(view, name)]
        except IndexerError:  # another indexer took blocks back, or rebuilds: the next time will do
            return
        for name, address in found:
            if address.lower() not in self._known:
                self._known.add(address.lower())
                log.warning("contract.not_followed", organization=name, address=address)
