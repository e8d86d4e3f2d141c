// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {MemberRoles} from "../identity/Roles.sol";
import {ContainerId} from "./ContainerId.sol";
import {IPurchaseEscrow} from "./IPurchaseEscrow.sol";

/// @title PurchaseEscrow
/// @notice See {IPurchaseEscrow}.
contract PurchaseEscrow is IPurchaseEscrow, ReentrancyGuard {
    using SafeERC20 for IERC20;

    uint256 private constant WHOLE = 10_000; // basis points

    IOrganizationRegistry private immutable _registry;
    address private immutable _custody;

    mapping(bytes32 order => Order held) private _orders;
    mapping(ContainerId container => bytes32 order) private _orderOf;
    mapping(OrganizationId organization => mapping(IERC20 token => uint256 amount)) private _credits;

    modifier onlyCustody() {
        if (msg.sender != _custody) revert PurchaseEscrowNotTheCustody(msg.sender);
        _;
    }

    constructor(IOrganizationRegistry registry_, address custody_) {
        _registry = registry_;
        _custody = custody_;
    }

    // ------------------------------------------------------------------ the parties

    /// @inheritdoc IPurchaseEscrow
    function openOrder(bytes32 orderReference, OrganizationId seller, IERC20 token, uint128 amount, uint40 deadline)
        external
        nonReentrant
        returns (bytes32 order)
    {
        OrganizationId buyer = _registry.requireActive(msg.sender, MemberRoles.ALL);
        order = keccak256(abi.encode(buyer, orderReference));
        Order storage held = _orders[order];
        if (held.status != OrderStatus.Unknown) revert PurchaseEscrowOrderExists(order);
        if (deadline <= block.timestamp) revert PurchaseEscrowDeadline(order, deadline, uint40(block.timestamp));
        if (seller.isZero() || seller == buyer) revert PurchaseEscrowOtherParties(order, buyer, seller);
        _registry.requireActiveOrganization(seller, MemberRoles.ALL);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        // slither-disable-next-line incorrect-equality (whatever came in is counted)
        if (received == 0 || received > amount) revert PurchaseEscrowInvalidAmount(received);
        (held.buyer, held.seller, held.deadline, held.status) = (buyer, seller, deadline, OrderStatus.Open);
        (held.token, held.amount) = (token, uint128(received));
        emit OrderOpened(order, buyer, seller, token, received, deadline);
    }

    /// @inheritdoc IPurchaseEscrow
    function refund(bytes32 order) external nonReentrant {
        OrganizationId by = _registry.requireKey(msg.sender);
        Order storage held = _orders[order];
        bool inPart = held.status == OrderStatus.Shipped && held.received;
        if (held.status != OrderStatus.Open && !inPart) revert PurchaseEscrowForbiddenTransition(order, held.status);
        if (by != held.buyer && by != held.seller) revert PurchaseEscrowOtherParties(order, held.buyer, held.seller);
        // What was received in part is for both to settle: the buyer has goods, and named their share itself.
        if (by == held.buyer && inPart) revert PurchaseEscrowForbiddenTransition(order, held.status);
        if (by == held.buyer && block.timestamp <= held.deadline) {
            revert PurchaseEscrowDeadline(order, held.deadline, uint40(block.timestamp));
        }
        _refundRest(order, held);
    }

    /// @inheritdoc IPurchaseEscrow
    function concede(bytes32 order) external nonReentrant {
        OrganizationId by = _registry.requireKey(msg.sender);
        Order storage held = _orders[order];
        if (by != held.buyer) revert PurchaseEscrowOtherParties(order, held.buyer, held.seller);
        if (held.status != OrderStatus.Shipped || !held.received) {
            revert PurchaseEscrowForbiddenTransition(order, held.status);
        }
        _pay(order, held, held.amount - held.paid);
    }

    /// @inheritdoc IPurchaseEscrow
    function payOut(IERC20 token, address to) external nonReentrant {
        OrganizationId organization = _registry.requireKey(msg.sender);
        _registry.requirePayable(organization);
        uint256 amount = _credits[organization][token];
        if (amount == 0) revert PurchaseEscrowNoCredit(organization, token);
        _credits[organization][token] = 0;
        emit CreditPaidOut(organization, token, to, amount);
        token.safeTransfer(to, amount);
    }

    // ------------------------------------------------------------------ the custody

    /// @inheritdoc IPurchaseEscrow
    function bind(bytes32 order, ContainerId container, OrganizationId seller, OrganizationId receiver)
        external
        onlyCustody
    {
        Order storage held = _orders[order];
        if (held.status != OrderStatus.Open) revert PurchaseEscrowForbiddenTransition(order, held.status);
        if (block.timestamp > held.deadline) {
            revert PurchaseEscrowDeadline(order, held.deadline, uint40(block.timestamp));
        }
        if (held.seller != seller || held.buyer != receiver) {
            revert PurchaseEscrowOtherParties(order, held.buyer, held.seller);
        }
        (held.status, held.container) = (OrderStatus.Shipped, container);
        _orderOf[container] = order;
        emit OrderShipped(order, container);
    }

    /// @inheritdoc IPurchaseEscrow
    function settle(ContainerId container, uint16 acceptedShare, ContainerId rejected) external onlyCustody {
        if (acceptedShare > WHOLE) revert PurchaseEscrowInvalidShare(acceptedShare);
        (bytes32 order, Order storage held) = _shippedOrder(container);
        _pay(order, held, uint128(uint256(held.amount) * acceptedShare / WHOLE));
        if (acceptedShare == WHOLE) return;
        held.container = rejected;
        _orderOf[rejected] = order;
    }

    /// @inheritdoc IPurchaseEscrow
    function unbind(ContainerId container) external onlyCustody {
        bytes32 order = _orderOf[container];
        Order storage held = _orders[order];
        if (held.status != OrderStatus.Shipped || held.received) return;
        (held.status, held.container) = (OrderStatus.Open, ContainerId.wrap(0));
        emit OrderShipped(order, ContainerId.wrap(0));
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IPurchaseEscrow
    function orderOf(bytes32 order) external view returns (Order memory) {
        return _orders[order];
    }

    /// @inheritdoc IPurchaseEscrow
    function creditOf(OrganizationId organization, IERC20 token) external view returns (uint256) {
        return _credits[organization][token];
    }

    // ------------------------------------------------------------------ changes

    /// @dev Pays the seller, of what was received.
    function _pay(bytes32 order, Order storage held, uint128 amount) private {
        uint128 paid = held.paid + amount;
        held.paid = paid;
        held.received = true;
        if (paid == held.amount) held.status = OrderStatus.Paid;
        _credits[held.seller][held.token] += amount;
        emit OrderPaid(order, held.seller, amount, held.amount - paid);
    }

    /// @dev Gives the buyer what the seller was not paid.
    function _refundRest(bytes32 order, Order storage held) private {
        uint128 rest = held.amount - held.paid;
        held.status = held.paid == 0 ? OrderStatus.Refunded : OrderStatus.Paid;
        _credits[held.buyer][held.token] += rest;
        emit OrderRefunded(order, held.buyer, rest);
    }

    // ------------------------------------------------------------------ checks

    function _shippedOrder(ContainerId container) private view returns (bytes32 order, Order storage held) {
        order = _orderOf[container];
        held = _orders[order];
        if (held.status != OrderStatus.Shipped || held.container != container) {
            revert PurchaseEscrowForbiddenTransition(order, held.status);
        }
    }
}
