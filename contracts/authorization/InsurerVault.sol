// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {Haltable} from "../identity/Haltable.sol";
import {IOrganizationRegistry} from "../identity/IOrganizationRegistry.sol";
import {OrganizationId} from "../identity/OrganizationId.sol";
import {SingleWriter} from "../identity/SingleWriter.sol";
import {ClaimRecord, ClaimStatus, ClaimWord, ClaimWords, Finding} from "./ClaimRecord.sol";
import {IInsurerVault} from "./IInsurerVault.sol";

/// @title InsurerVault
/// @notice The insurer's money, see {IInsurerVault}.
contract InsurerVault is IInsurerVault, SingleWriter, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /// @dev What every payment reads and writes; one slot.
    struct Money {
        uint96 available; // token minor units
        uint56 dailyCap; // token minor units
        uint56 creditedToday; // token minor units, by the rules alone on the last day on which they did
        uint16 today; // that day, since 1970-01-01 UTC
        uint32 waiting; // how many payments wait
    }

    /// @dev The payments that wait: those at places `next` to `end - 1`, without those that were taken out. One slot.
    struct Queue {
        uint96 amount; // token minor units, of all that wait
        uint32 next;
        uint32 end;
    }

    /// @dev A place in the queue.
    struct Place {
        bytes32 claim;
        OrganizationId provider;
        bool automatic;
    }

    /// @dev One slot; the payee has another, which crediting leaves alone.
    struct Balance {
        uint64 credit; // token minor units
        uint64 debt; // token minor units
    }

    uint40 private constant WITHDRAWAL_DELAY = 7 days;

    /// @dev What a claim's record has room for, as a patient's share.
    uint64 private constant MAX_AMOUNT = type(uint56).max;

    IOrganizationRegistry private immutable _registry;
    OrganizationId private immutable _insurer;
    IERC20 private immutable _token;

    Money private _money;
    Queue private _queue;
    uint128 private _floor; // token minor units
    Withdrawal private _withdrawal;
    mapping(bytes32 claim => ClaimWord record) private _records;
    mapping(OrganizationId provider => Balance balance) private _balances;
    mapping(OrganizationId provider => address payee) private _payees;
    mapping(bytes16 memberKey => mapping(uint16 period => Accumulators held)) private _accumulators;
    mapping(bytes32 prepayment => uint64 amount) private _prepayments; // token minor units
    mapping(uint256 number => Place place) private _places;

    /// @param insurer_ Whose money it is.
    /// @param token_ In which amounts are.
    constructor(address authority, IOrganizationRegistry registry_, OrganizationId insurer_, IERC20 token_)
        AccessManaged(authority)
    {
        _registry = registry_;
        _insurer = insurer_;
        _token = token_;
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IInsurerVault
    function deposit(uint256 amount) external nonReentrant returns (uint256 received) {
        received = _receive(amount);
        uint256 sum = _money.available + received;
        if (sum > type(uint96).max) revert InsurerVaultAmountTooLarge(received);
        _money.available = uint96(sum);
        emit Deposited(msg.sender, received);
    }

    /// @inheritdoc IInsurerVault
    function payOut(OrganizationId provider) external nonReentrant {
        _registry.requirePayable(provider);
        uint64 amount = _balances[provider].credit;
        address payee = _payees[provider];
        if (amount == 0 || payee == address(0)) revert InsurerVaultNothingToPay(provider, payee);
        _balances[provider].credit = 0;
        emit CreditPaid(provider, payee, amount);
        _send(payee, amount);
    }

    /// @inheritdoc IInsurerVault
    function creditUnfunded(uint256 count) external {
        _requireNotHalted();
        Queue memory queue = _queue;
        uint256 first = queue.next;
        uint32 credited = 0;
        while (count != 0 && queue.next < queue.end) {
            Place memory place = _places[queue.next];
            ClaimWord record = _records[place.claim];
            ClaimStatus status = record.status();
            if (_isUnfunded(status)) {
                uint64 amount = record.paid();
                if (!_credit(place.claim, place.provider, amount, place.automatic, 0)) break;
                status = status == ClaimStatus.ApprovedUnfunded ? ClaimStatus.Paid : ClaimStatus.Partial;
                _records[place.claim] = record.withStatus(status);
                queue.amount -= amount;
                ++credited;
            }
            delete _places[queue.next];
            ++queue.next;
            --count;
        }
        if (queue.next == first) revert InsurerVaultNothingFunded(_money.waiting);
        _queue = queue;
        _money.waiting -= credited;
    }

    /// @inheritdoc IInsurerVault
    function prepay(OrganizationId provider, bytes32 requestId, uint8 line, uint256 amount)
        external
        nonReentrant
        returns (bytes32 prepayment)
    {
        prepayment = _prepaymentKey(provider, requestId, line, msg.sender);
        uint256 received = _receive(amount);
        uint256 sum = _prepayments[prepayment] + received;
        if (sum > type(uint64).max) revert InsurerVaultAmountTooLarge(received);
        _prepayments[prepayment] = uint64(sum);
        emit PrepaymentHeld(prepayment, msg.sender, uint64(received));
    }

    /// @inheritdoc IInsurerVault
    function refund(OrganizationId provider, bytes32 requestId, uint8 line) external nonReentrant {
        bytes32 prepayment = _prepaymentKey(provider, requestId, line, msg.sender);
        uint64 amount = _prepayments[prepayment];
        if (amount == 0) revert InsurerVaultNoPrepayment(prepayment, msg.sender);
        delete _prepayments[prepayment];
        emit PrepaymentRefunded(prepayment, msg.sender, amount);
        _send(msg.sender, amount);
    }

    // ------------------------------------------------------------------ the provider's controller

    /// @inheritdoc IInsurerVault
    function setPayee(OrganizationId provider, address payee) external {
        if (msg.sender != _registry.controllerOf(provider)) revert InsurerVaultNotController(provider, msg.sender);
        address newController = _registry.recoveryOf(provider).newController;
        if (newController != address(0)) revert InsurerVaultRecoveryPending(provider, newController);
        emit PayeeChanged(provider, _payees[provider], payee);
        _payees[provider] = payee;
    }

    // ------------------------------------------------------------------ the treasurer

    /// @inheritdoc IInsurerVault
    function setLimits(uint128 floor, uint64 dailyCap) external restricted {
        if (dailyCap > MAX_AMOUNT) revert InsurerVaultAmountTooLarge(dailyCap);
        _floor = floor;
        _money.dailyCap = uint56(dailyCap);
        emit LimitsChanged(floor, dailyCap);
    }

    /// @inheritdoc IInsurerVault
    function requestWithdrawal(address recipient, uint128 amount) external restricted {
        if (amount == 0) {
            delete _withdrawal;
            emit WithdrawalRequested(recipient, 0, 0);
            return;
        }
        if (recipient == address(0)) revert InsurerVaultNoRecipient(amount);
        uint40 readyAt = uint40(block.timestamp) + WITHDRAWAL_DELAY;
        _withdrawal = Withdrawal(amount, readyAt, recipient);
        emit WithdrawalRequested(recipient, amount, readyAt);
    }

    /// @inheritdoc IInsurerVault
    function withdraw() external restricted nonReentrant {
        (uint128 amount, uint40 readyAt) = (_withdrawal.amount, _withdrawal.readyAt);
        if (amount == 0 || block.timestamp < readyAt) revert InsurerVaultNotReady(readyAt);
        uint256 held = free();
        if (uint256(amount) + _floor > held) revert InsurerVaultNotFree(amount, held);
        address recipient = _withdrawal.recipient;
        delete _withdrawal;
        _money.available -= uint96(amount); // no more than is available
        emit Withdrawn(recipient, amount);
        _send(recipient, amount);
    }

    // ------------------------------------------------------------------ the writer

    /// @inheritdoc IInsurerVault
    function settle(Payment calldata payment, Accumulators calldata caps)
        external
        onlyWriter
        returns (ClaimStatus status)
    {
        _requireUnpaid(payment.claim);
        _count(payment, caps);
        status = payment.inPart ? ClaimStatus.Partial : ClaimStatus.Paid;
        if (!_creditOrQueue(payment)) {
            status = payment.inPart ? ClaimStatus.PartialUnfunded : ClaimStatus.ApprovedUnfunded;
        }
        (uint56 deductible, uint56 outOfPocket) = (uint56(payment.deductible), uint56(payment.outOfPocket));
        _records[payment.claim] =
            ClaimWords.pack(status, payment.finding, payment.tag, payment.amount, deductible, outOfPocket);
    }

    /// @inheritdoc IInsurerVault
    function keepUnpaid(bytes32 claim, bool denied, Finding finding, bytes8 tag) external onlyWriter {
        _requireUnpaid(claim);
        ClaimStatus status = denied ? ClaimStatus.Denied : ClaimStatus.InReview;
        _records[claim] = ClaimWords.pack(status, finding, tag, 0, 0, 0);
    }

    /// @inheritdoc IInsurerVault
    function reverse(bytes32 claim, OrganizationId provider, bytes16 memberKey, uint16 period)
        external
        onlyWriter
        returns (ClaimRecord memory before)
    {
        ClaimWord record = _records[claim];
        before = record.unpack();
        _records[claim] = record.withStatus(ClaimStatus.Reversed);
        if (_isUnfunded(before.status)) {
            _queue.amount -= before.paid;
            --_money.waiting;
            emit QueuedPaymentDropped(claim);
        } else if (before.status == ClaimStatus.Paid || before.status == ClaimStatus.Partial) {
            _debit(claim, provider, before.paid);
        } else {
            revert InsurerVaultNotPaid(claim, before.status);
        }
        if (before.outOfPocket == 0) return before;
        Accumulators storage held = _accumulators[memberKey][period];
        (uint64 deductible, uint64 outOfPocket) = (held.deductible, held.outOfPocket);
        if (deductible < before.deductible || outOfPocket < before.outOfPocket) {
            revert InsurerVaultAccumulatorsOutOfRange(memberKey, period);
        }
        (deductible, outOfPocket) = (deductible - before.deductible, outOfPocket - before.outOfPocket);
        (held.deductible, held.outOfPocket) = (deductible, outOfPocket);
        emit AccumulatorsChanged(memberKey, period, deductible, outOfPocket);
    }

    /// @inheritdoc IInsurerVault
    function usePrepayment(OrganizationId provider, bytes32 requestId, uint8 line, address payer, uint64 amount)
        external
        onlyWriter
        returns (uint64 used)
    {
        bytes32 prepayment = _prepaymentKey(provider, requestId, line, payer);
        uint64 held = _prepayments[prepayment];
        used = held < amount ? held : amount;
        if (used == 0) return 0;
        _prepayments[prepayment] = held - used;
        _balances[provider].credit += used;
        emit PrepaymentUsed(prepayment, provider, used);
    }

    // ------------------------------------------------------------------ reads

    /// @inheritdoc IInsurerVault
    function available() external view returns (uint256) {
        return _money.available;
    }

    /// @inheritdoc IInsurerVault
    function unfunded() external view returns (uint256 amount, uint256 count) {
        return (_queue.amount, _money.waiting);
    }

    /// @inheritdoc IInsurerVault
    function recordOf(bytes32 claim) external view returns (ClaimRecord memory) {
        return _records[claim].unpack();
    }

    /// @inheritdoc IInsurerVault
    function claimTermsOf(bytes32 claim, bytes16 memberKey, uint16 period)
        external
        view
        returns (ClaimWord record, Accumulators memory accumulators, uint64 dailyCap)
    {
        return (_records[claim], _accumulators[memberKey][period], _money.dailyCap);
    }

    /// @inheritdoc IInsurerVault
    function accountOf(OrganizationId provider) external view returns (Account memory) {
        Balance storage balance = _balances[provider];
        return Account(balance.credit, balance.debt, _payees[provider]);
    }

    /// @inheritdoc IInsurerVault
    function accumulatorsOf(bytes16 memberKey, uint16 period) external view returns (Accumulators memory) {
        return _accumulators[memberKey][period];
    }

    /// @inheritdoc IInsurerVault
    function prepaymentOf(OrganizationId provider, bytes32 requestId, uint8 line, address payer)
        external
        view
        returns (bytes32 prepayment, uint64 amount)
    {
        prepayment = _prepaymentKey(provider, requestId, line, payer);
        amount = _prepayments[prepayment];
    }

    /// @inheritdoc IInsurerVault
    function limits() external view returns (uint128 floor, uint64 dailyCap, uint64 creditedToday) {
        Money memory money = _money;
        // slither-disable-next-line incorrect-equality (whole days)
        return (_floor, money.dailyCap, money.today == _today() ? money.creditedToday : 0);
    }

    /// @inheritdoc IInsurerVault
    function withdrawal() external view returns (Withdrawal memory) {
        return _withdrawal;
    }

    /// @inheritdoc IInsurerVault
    function token() external view returns (IERC20) {
        return _token;
    }

    /// @inheritdoc IInsurerVault
    function insurer() external view returns (OrganizationId) {
        return _insurer;
    }

    /// @inheritdoc IInsurerVault
    function registry() external view returns (IOrganizationRegistry) {
        return _registry;
    }

    /// @inheritdoc IInsurerVault
    function withdrawalDelay() external pure returns (uint40) {
        return WITHDRAWAL_DELAY;
    }

    /// @inheritdoc IInsurerVault
    function free() public view returns (uint256) {
        uint256 money = _money.available;
        uint256 promised = _queue.amount;
        return money > promised ? money - promised : 0;
    }

    // ------------------------------------------------------------------ changes

    /// @dev Counts the patient's shares, which fit into 56 bits each.
    function _count(Payment calldata payment, Accumulators calldata caps) private {
        (uint64 deductible, uint64 outOfPocket) = (payment.deductible, payment.outOfPocket);
        if (outOfPocket == 0 && deductible == 0) return;
        if (outOfPocket > MAX_AMOUNT) revert InsurerVaultAmountTooLarge(outOfPocket);
        (bytes16 memberKey, uint16 period) = (payment.memberKey, payment.period);
        Accumulators storage held = _accumulators[memberKey][period];
        (uint256 deductibleSum, uint256 outOfPocketSum) = (held.deductible, held.outOfPocket);
        unchecked {
            (deductibleSum, outOfPocketSum) = (deductibleSum + deductible, outOfPocketSum + outOfPocket); // of 64 bits
        }
        bool overDeductible = deductible != 0 && deductibleSum > caps.deductible;
        if (overDeductible || outOfPocketSum > caps.outOfPocket || deductible > outOfPocket) {
            revert InsurerVaultAccumulatorsOutOfRange(memberKey, period);
        }
        (held.deductible, held.outOfPocket) = (uint64(deductibleSum), uint64(outOfPocketSum));
        emit AccumulatorsChanged(memberKey, period, uint64(deductibleSum), uint64(outOfPocketSum));
    }

    /// @dev False if the payment waits.
    function _creditOrQueue(Payment calldata payment) private returns (bool) {
        uint64 amount = payment.amount;
        if (amount == 0) return true;
        bool automatic = payment.automatic;
        // slither-disable-next-line incorrect-equality (a count, not a time)
        bool first = _money.waiting == 0;
        if (first || !automatic) {
            uint96 promised = first ? 0 : _queue.amount;
            if (_credit(payment.claim, payment.provider, amount, automatic, promised)) return true;
        }
        Queue memory queue = _queue;
        _places[queue.end] = Place(payment.claim, payment.provider, automatic);
        emit PaymentQueued(payment.claim, payment.provider, amount, queue.end);
        queue.amount += amount;
        ++queue.end;
        _queue = queue;
        ++_money.waiting;
        return false;
    }

    /// @dev Credits a payment if there is money for it, and room under the daily cap if that counts.
    /// @param promised To others that come first.
    function _credit(bytes32 claim, OrganizationId provider, uint64 amount, bool automatic, uint96 promised)
        private
        returns (bool)
    {
        Balance storage balance = _balances[provider];
        (uint64 credit, uint64 debt) = (balance.credit, balance.debt);
        uint64 netted = debt < amount ? debt : amount;
        uint64 fresh;
        unchecked {
            fresh = amount - netted; // at most both
            debt -= netted;
        }
        Money memory money = _money;
        if (uint256(promised) + fresh > money.available) return false;
        if (automatic) {
            uint16 today = _today();
            // slither-disable-next-line incorrect-equality (whole days)
            uint256 credited = money.today == today ? money.creditedToday : 0;
            if (credited + amount > money.dailyCap) return false;
            (money.creditedToday, money.today) = (uint56(credited + amount), today); // at most the cap
        }
        money.available -= fresh;
        _money = money;
        (balance.credit, balance.debt) = (credit + fresh, debt);
        emit ProviderCredited(claim, provider, amount, netted);
        return true;
    }

    function _debit(bytes32 claim, OrganizationId provider, uint64 amount) private {
        Balance memory balance = _balances[provider];
        uint64 fromCredit = balance.credit < amount ? balance.credit : amount;
        uint64 asDebt = amount - fromCredit;
        balance.credit -= fromCredit;
        balance.debt += asDebt;
        _balances[provider] = balance;
        _money.available += fromCredit;
        emit ProviderDebited(claim, provider, fromCredit, asDebt);
    }

    /// @dev What came in of it.
    function _receive(uint256 amount) private returns (uint256 received) {
        uint256 before = _token.balanceOf(address(this));
        _token.safeTransferFrom(msg.sender, address(this), amount);
        received = _token.balanceOf(address(this)) - before;
        // slither-disable-next-line incorrect-equality (whatever came in is counted)
        if (received == 0) revert InsurerVaultNothingReceived(msg.sender);
    }

    function _send(address to, uint256 amount) private {
        uint256 before = _token.balanceOf(address(this));
        _token.safeTransfer(to, amount);
        uint256 rest = _token.balanceOf(address(this));
        if (rest + amount < before) revert InsurerVaultOvercharged(amount, before - rest);
    }

    // ------------------------------------------------------------------ checks

    function _requireNotHalted() private view {
        address version = this.writer();
        if (version != address(0) && Haltable(version).halted()) revert InsurerVaultHalted(version);
    }

    function _today() private view returns (uint16) {
        return uint16(block.timestamp / 1 days);
    }

    function _requireUnpaid(bytes32 claim) private view {
        ClaimStatus status = _records[claim].status();
        if (status > ClaimStatus.InReview && status != ClaimStatus.Denied) {
            revert InsurerVaultAlreadyPaid(claim, status);
        }
    }

    function _isUnfunded(ClaimStatus status) private pure returns (bool) {
        return status == ClaimStatus.ApprovedUnfunded || status == ClaimStatus.PartialUnfunded;
    }

    function _prepaymentKey(OrganizationId provider, bytes32 requestId, uint8 line, address payer)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(provider, requestId, line, payer));
    }
}
