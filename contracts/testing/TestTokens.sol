// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice For tests: a stable token with six decimals, of which anybody makes as much as needed.
contract StableToken is ERC20 {
    constructor() ERC20("Test Dollar", "TUSD") {}

    /// @notice Makes tokens.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}

/// @notice For tests: a token that takes a hundredth of what is sent, from what arrives; or, `onTop`, from the sender
/// besides.
contract FeeToken is StableToken {
    uint256 private constant FEE_DIVISOR = 100;

    bool private _onTop;

    /// @notice Whether senders bear the fee.
    function setOnTop(bool onTop) external {
        _onTop = onTop;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0)) {
            super._update(from, to, amount);
            return;
        }
        uint256 fee = amount / FEE_DIVISOR;
        super._update(from, to, _onTop ? amount : amount - fee);
        super._update(from, address(0), fee);
    }
}

/// @notice For tests: a token that calls its holders' contracts, as those of ERC-777 do: the sender before a transfer,
/// the receiver after it.
contract HookToken is StableToken {
    mapping(address holder => bool hooked) private _isHooked;

    /// @notice Has the caller called at each transfer.
    function hook() external {
        _isHooked[msg.sender] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (_isHooked[from]) ReenteringHolder(from).tokensMoved();
        super._update(from, to, amount);
        if (_isHooked[to]) ReenteringHolder(to).tokensMoved();
    }
}

/// @notice For tests: a holder that, when its tokens move, makes a call that it was told.
contract ReenteringHolder {
    address private _target;
    bytes private _data;

    /// @notice Whether the last call from within a transfer was accepted, and what it answered.
    bool public accepted;
    bytes public answer;

    constructor(HookToken token) {
        token.hook();
    }

    /// @notice Sets the call that is made from within transfers.
    function setCall(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    /// @notice Makes a call as this account.
    function execute(address target, bytes calldata data) external returns (bytes memory) {
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory result) = target.call(data);
        if (!success) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
        return result;
    }

    /// @notice What the token calls.
    function tokensMoved() external {
        if (_target == address(0)) return;
        address target = _target;
        _target = address(0); // once
        // solhint-disable-next-line avoid-low-level-calls
        (accepted, answer) = target.call(_data);
    }
}
