"""The chapters, in the order of play. A domain adds its own module, and its line here before the last."""

from careledger.demo.chapters import authorization, documents, membership, supply, suspension
from careledger.demo.stage import Chapter

__all__ = ["CHAPTERS"]

CHAPTERS: tuple[Chapter, ...] = (
    membership.CHAPTER,
    documents.CHAPTER,
    authorization.CHAPTER,
    supply.CHAPTER,
    suspension.CHAPTER,  # the last: from here on, the distributor starts nothing new
)
