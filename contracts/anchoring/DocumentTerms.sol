// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice What an anchor says of its documents: a coarse kind and an expiry, as `kind << 40 | expiry` in the low 56
/// bits, so that a call and its event carry one word.
type DocumentTerms is uint256;

using {expiryOf, besidesKind, isValid} for DocumentTerms global;

/// @notice Packs terms.
/// @param kind The documents' coarse kind; 0 if not classed.
/// @param expiry Unix seconds from which the documents are in force no more; 0 if never.
/// @return The packed terms.
function documentTerms(uint16 kind, uint40 expiry) pure returns (DocumentTerms) {
    return DocumentTerms.wrap((uint256(kind) << 40) | expiry);
}

/// @notice Unix seconds; 0 if never.
function expiryOf(DocumentTerms terms) pure returns (uint40) {
    return uint40(DocumentTerms.unwrap(terms));
}

/// @notice All bits but the kind's: 0 for terms without an expiry.
function besidesKind(DocumentTerms terms) pure returns (uint256) {
    return DocumentTerms.unwrap(terms) & ~(uint256(type(uint16).max) << 40);
}

/// @notice Whether the bits above the kind are zero.
function isValid(DocumentTerms terms) pure returns (bool) {
    return DocumentTerms.unwrap(terms) >> 56 == 0;
}
