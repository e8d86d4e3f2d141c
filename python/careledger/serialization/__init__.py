"""Lots of medicine and their units, off chain: what makers keep and hand on."""

from careledger.serialization.bundle_keys import BundleKeyCard, BundleKeys
from careledger.serialization.identifiers import container_id, lot_id, lot_reference, sscc_reference
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import (
    Contents,
    Disclosure,
    HandedOn,
    KeptContainer,
    KeptLot,
    ReceivedBundle,
    SupplyId,
    UnitRange,
)
from careledger.serialization.partial_tree import PartialTree, Tranche, Unit
from careledger.serialization.sealed_bundle import SealedBundle, disclose, open_bundle, seal
from careledger.serialization.units import LotSecret, UnitTree, inner_hash, multiproof_root, proof_root, unit_leaf

__all__ = [
    "BundleKeyCard",
    "BundleKeys",
    "Contents",
    "Disclosure",
    "HandedOn",
    "KeptContainer",
    "KeptLot",
    "LotBook",
    "LotSecret",
    "PartialTree",
    "ReceivedBundle",
    "SealedBundle",
    "SupplyId",
    "Tranche",
    "Unit",
    "UnitRange",
    "UnitTree",
    "container_id",
    "disclose",
    "inner_hash",
    "lot_id",
    "lot_reference",
    "multiproof_root",
    "open_bundle",
    "proof_root",
    "seal",
    "sscc_reference",
    "unit_leaf",
]
