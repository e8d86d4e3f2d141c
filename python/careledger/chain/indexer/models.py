"""The read models that the indexer keeps. A domain adds its own here."""

from __future__ import annotations

from careledger.anchoring import read_model as documents_read_model
from careledger.authorization import claims_read_model, policy_read_model
from careledger.authorization import read_model as authorizations_read_model
from careledger.chain.indexer.model import ReadModel
from careledger.identity import governance_read_model, read_model
from careledger.serialization import custody_read_model, trade_read_model
from careledger.serialization import read_model as lots_read_model

__all__ = ["READ_MODELS"]

READ_MODELS: tuple[ReadModel, ...] = (
    read_model.MODEL,
    governance_read_model.MODEL,
    documents_read_model.MODEL,
    authorizations_read_model.MODEL,
    claims_read_model.MODEL,
    policy_read_model.MODEL,
    lots_read_model.MODEL,
    custody_read_model.MODEL,
    trade_read_model.MODEL,
)
