// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IDocumentAnchor} from "../anchoring/IDocumentAnchor.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";

/// @title ProviderDocuments
/// @notice The documents that a request or claim rests on: anchored by the provider's own keys, and in force.
library ProviderDocuments {
    /// @notice Thrown when a document is not the provider's, not in force, or covered by a compromised key's cut-off.
    error ProviderDocumentsInvalid(
        address submitter,
        bytes32 leaf,
        IDocumentAnchor.DocumentStatus status,
        OrganizationId organization,
        bool compromised
    );

    /// @notice Reverts unless the document is the provider's and in force. Disputed, it is.
    /// @param key A key of the provider's that is known to be valid, so that what it anchored needs no further look.
    function requireInForce(
        IDocumentAnchor anchors,
        OrganizationId provider,
        address key,
        IDocumentAnchor.Document calldata document
    ) internal view {
        // slither-disable-next-line uninitialized-local (both branches fill it)
        IDocumentAnchor.Verification memory found;
        if (document.submitter == key) {
            (found.status, found.organization) = (anchors.statusOf(document), provider);
        } else {
            found = anchors.verify(document);
        }
        bool inForce = found.status == IDocumentAnchor.DocumentStatus.Active
            || found.status == IDocumentAnchor.DocumentStatus.Disputed;
        if (!inForce || found.organization != provider || found.compromised) {
            revert ProviderDocumentsInvalid(
                document.submitter, document.leaf, found.status, found.organization, found.compromised
            );
        }
    }

    /// @return The document's kind: its own, or its batch's.
    function kindOf(IDocumentAnchor anchors, IDocumentAnchor.Document calldata document)
        internal
        view
        returns (uint16)
    {
        return anchors.anchorOf(document.submitter, document.root == 0 ? document.leaf : document.root).kind;
    }
}
