"""An index, opened for a document: of the chain that its receipt is of."""

from __future__ import annotations

from collections.abc import Sequence

from careledger.anchoring.index import DocumentIndex
from careledger.chain.indexer.reader import Index
from careledger.errors import IndexOfAnotherChain, UnknownOrganization
from careledger.identity.index import OrganizationIndex

__all__ = ["IndexDirectory", "open_index"]


def open_index(url: str, genesis_hash: str, contract: str) -> Index:
    """The index of a chain that has a contract. Raises IndexOfAnotherChain."""
    opened = Index.open(url)
    found = opened.status()
    if found.genesis_hash != genesis_hash or contract not in found.contracts:
        opened.close()
        expected = f"{found.genesis_hash} with {', '.join(found.contracts)}"
        raise IndexOfAnotherChain(url.rpartition("@")[2], expected, f"{genesis_hash} with {contract}")
    return opened


class IndexDirectory:
    """Names, disputants and countersigners by an index."""

    def __init__(self, index: Index) -> None:
        view = index.at("latest")
        self._documents = DocumentIndex(view)
        self._organizations = OrganizationIndex(view)

    def organization_name(self, organization: str) -> str | None:
        try:
            return self._organizations.get(organization).value.name
        except UnknownOrganization:  # the index is behind
            return None

    def disputants(self, submitter: str, leaf: str) -> Sequence[str]:
        return [found.value.disputant for found in self._documents.disputes(submitter, leaf)]

    def countersigners(self, submitter: str, leaf: str) -> Sequence[str]:
        return [found.value.organization for found in self._documents.countersignatures(submitter, leaf)]
