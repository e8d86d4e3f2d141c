// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {OrganizationId} from "../identity/OrganizationId.sol";
import {ContainerId} from "./ContainerId.sol";

/// @title Payment on receipt
/// @notice Keeps a buyer's money from its order until what was ordered is received. What the receiver accepts is
/// credited to the seller, who draws it; what it does not accept goes back to the buyer.
///
/// | from | to | by |
/// |---|---|---|
/// | - | open | the buyer, with the money |
/// | open | shipped | the seller, with a container |
/// | shipped | paid | the receiver, who is the buyer, accepting it |
/// | shipped | shipped, received in part and paid in part | the receiver, accepting a part |
/// | shipped | open | the receiver rejecting it, or the sender having it back |
/// | received in part | paid, the rest refunded | the seller |
/// | received in part | paid in whole | the buyer |
/// | open | refunded | the buyer, past the order's deadline; the seller at any time |
interface IPurchaseEscrow {
    enum OrderStatus {
        Unknown,
        Open,
        Shipped,
        Paid,
        Refunded
    }

    /// @notice An order; three slots.
    struct Order {
        OrganizationId buyer;
        OrganizationId seller;
        uint40 deadline; // Unix seconds; from then on the buyer may have its money back, unless it is shipped
        OrderStatus status;
        bool received; // in whole or in part
        IERC20 token;
        ContainerId container; // once shipped; of one received in part, what was rejected
        uint128 amount; // token minor units
        uint128 paid; // of the amount, token minor units
    }

    /// @notice A buyer paid for an order in.
    event OrderOpened(
        bytes32 indexed order,
        OrganizationId indexed buyer,
        OrganizationId indexed seller,
        IERC20 token,
        uint256 amount,
        uint40 deadline
    );
    /// @notice An order was shipped; the container is zero if it came back.
    event OrderShipped(bytes32 indexed order, ContainerId indexed container);
    /// @notice The seller was credited `paid`; `rest` of the order's money is left.
    event OrderPaid(bytes32 indexed order, OrganizationId indexed seller, uint256 paid, uint256 rest);
    /// @notice What is left of an order's money was credited to the buyer.
    event OrderRefunded(bytes32 indexed order, OrganizationId indexed buyer, uint256 amount);
    /// @notice A credit was paid out.
    event CreditPaidOut(OrganizationId indexed organization, IERC20 indexed token, address indexed to, uint256 amount);

    /// @notice Thrown when an order has this id already.
    error PurchaseEscrowOrderExists(bytes32 order);
    /// @notice Thrown when an order is in another state than the call needs.
    error PurchaseEscrowForbiddenTransition(bytes32 order, OrderStatus status);
    /// @notice Thrown when an order is between others.
    error PurchaseEscrowOtherParties(bytes32 order, OrganizationId buyer, OrganizationId seller);
    /// @notice Thrown when an order's deadline is not ahead, or not past.
    error PurchaseEscrowDeadline(bytes32 order, uint40 deadline, uint40 blockTime);
    /// @notice Thrown when nothing came in, or more than can be kept.
    error PurchaseEscrowInvalidAmount(uint256 amount);
    /// @notice Thrown when only the custody may call.
    error PurchaseEscrowNotTheCustody(address caller);
    /// @notice Thrown when a share is more than the whole.
    error PurchaseEscrowInvalidShare(uint256 basisPoints);
    /// @notice Thrown when there is nothing to pay out.
    error PurchaseEscrowNoCredit(OrganizationId organization, IERC20 token);

    /// @notice Orders, and pays in. What comes in counts, where a token takes a fee.
    /// @param orderReference Any, of the buyer's; the order's id follows from both.
    function openOrder(bytes32 orderReference, OrganizationId seller, IERC20 token, uint128 amount, uint40 deadline)
        external
        returns (bytes32 order);

    /// @notice Calls an order off that is not shipped; or, as the seller, the rest of one received in part.
    function refund(bytes32 order) external;

    /// @notice Pays the seller the rest of an order received in part, as the buyer.
    function concede(bytes32 order) external;

    /// @notice Pays out what an organization has.
    /// @param to An account that its key names.
    function payOut(IERC20 token, address to) external;

    /// @notice Binds an order to what is shipped.
    function bind(bytes32 order, ContainerId container, OrganizationId seller, OrganizationId receiver) external;

    /// @notice Pays for what was received.
    /// @param acceptedShare Basis points of the amount.
    /// @param rejected What goes back, if not all was accepted; the rest waits for the parties.
    function settle(ContainerId container, uint16 acceptedShare, ContainerId rejected) external;

    /// @notice Takes back what {bind} did, as what was shipped is not accepted. What was received in part stays for the
    /// parties to settle.
    function unbind(ContainerId container) external;

    /// @return An order; all zero if it is unknown.
    function orderOf(bytes32 order) external view returns (Order memory);

    /// @return What an organization can draw, token minor units.
    function creditOf(OrganizationId organization, IERC20 token) external view returns (uint256);
}
