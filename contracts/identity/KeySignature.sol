// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title KeySignature
/// @notice A key's signature: an ordinary one's, in the 64 bytes of EIP-2098 or in 65, or what an ERC-1271 wallet
/// takes as one.
library KeySignature {
    /// @dev What OpenZeppelin's SignatureChecker tells, for less: an ordinary key's 64 bytes need no look at its
    /// account, and a wallet gets its signature without a copy in between.
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signature.length == 64) {
            (bytes32 r, bytes32 vs) = (bytes32(signature[:32]), bytes32(signature[32:]));
            // slither-disable-next-line unused-return
            (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, r, vs);
            if (recovered == signer && failure == ECDSA.RecoverError.NoError) return true;
        }
        if (signer.code.length == 0) {
            // slither-disable-next-line unused-return
            (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digest, signature);
            return recovered == signer && failure == ECDSA.RecoverError.NoError;
        }
        (bool success, bytes memory answer) =
            signer.staticcall(abi.encodeCall(IERC1271.isValidSignature, (digest, signature)));
        return
            success && answer.length >= 32
                && abi.decode(answer, (bytes32)) == bytes32(IERC1271.isValidSignature.selector);
    }
}
