// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";

import {ClaimRecord, ClaimStatus, Finding} from "../../../contracts/authorization/ClaimRecord.sol";
import {IInsurerVault} from "../../../contracts/authorization/IInsurerVault.sol";
import {InsurerVault} from "../../../contracts/authorization/InsurerVault.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {StableToken} from "../../../contracts/testing/TestTokens.sol";

/// @notice An account that the vault takes for a version of the logic: it writes what it is told.
contract VaultWriter {
    bool public halted;

    function setHalted(bool halted_) external {
        halted = halted_;
    }

    function isOpenToNewWork() external pure returns (bool) {
        return false;
    }
}

/// @notice What the writer, the treasurer, payers and anyone can do to a vault, in any order. It keeps the accepted acts
/// and what follows from them; it shares no code with the vault.
contract VaultHandler is CommonBase {
    struct Owed {
        OrganizationId provider;
        uint256 member;
        uint64 amount;
        uint64 deductible;
        uint64 outOfPocket;
        bool automatic;
        bool queued;
        bool credited;
        bool reversed;
    }

    uint256 private constant CLAIMS = 60;
    uint256 private constant PROVIDERS = 3;
    uint256 private constant MEMBERS = 2;
    uint256 private constant LARGEST = 1_000;
    uint16 private constant PERIOD = 2027;
    uint64 private constant DEDUCTIBLE = 2_000;
    uint64 private constant OUT_OF_POCKET = 5_000;
    bytes32 private constant REQUEST = keccak256("request");

    InsurerVault private immutable _vault;
    StableToken private immutable _token;
    VaultWriter private immutable _writer;
    address private immutable _treasurer;
    OrganizationId[] private _providers;
    address[] private _payers;

    mapping(bytes32 claim => Owed) public owed;
    bytes32[] public claims; // settled, in their order
    bytes32[] public queue; // those that were queued, in their order
    uint256 public creditedFromQueue; // all of `queue` before this place are credited or reversed
    mapping(OrganizationId provider => uint256) public paidOut;
    mapping(OrganizationId provider => uint256) public prepaymentsUsed;
    mapping(OrganizationId provider => mapping(address payer => uint256)) public held;
    uint256 public withdrawn;
    uint256 public requestedAt;
    uint256 public requestedAmount;
    mapping(uint256 day => uint256) public automaticOn;

    string public breach;
    uint256 public calls;
    mapping(string what => uint256 times) public reached;

    constructor(
        InsurerVault vault,
        StableToken token,
        VaultWriter writer,
        address treasurer,
        OrganizationId[] memory providers,
        address[] memory payers
    ) {
        (_vault, _token, _writer, _treasurer) = (vault, token, writer, treasurer);
        (_providers, _payers) = (providers, payers);
    }

    // ------------------------------------------------------------------ the writer

    function settle(uint256 seed) external {
        bytes32 claim = bytes32(1 + seed % CLAIMS);
        Owed memory one = _some(seed);
        bool fits = _fits(one);
        bool isNew = owed[claim].provider.isZero();
        uint256 available = _vault.available();
        (uint256 waitingAmount, uint256 count) = _vault.unfunded();
        bool done = _settle(claim, one, seed);
        if (done != (fits && isNew)) breach = isNew ? "settled against the caps" : "settled twice";
        if (!done) return;
        ClaimStatus status = _vault.recordOf(claim).status;
        one.credited = status == ClaimStatus.Paid || status == ClaimStatus.Partial;
        one.queued = !one.credited;
        owed[claim] = one;
        claims.push(claim);
        ++reached[one.credited ? "credited at once" : "queued"];
        if (one.queued) {
            queue.push(claim);
            return;
        }
        _countAutomatic(claim);
        if (one.amount == 0 || count == 0) return;
        if (one.automatic) breach = "passed those that wait";
        if (available - _vault.available() + waitingAmount > available) breach = "took what others wait for";
        ++reached["passed those that wait"];
    }

    function keepUnpaid(uint256 seed) external {
        bytes32 claim = bytes32(1 + seed % CLAIMS);
        bytes memory data = abi.encodeCall(_vault.keepUnpaid, (claim, seed % 2 == 0, Finding.FiledLate, bytes8(claim)));
        bool done = _call(address(_writer), data, "keep unpaid");
        if (done != owed[claim].provider.isZero()) breach = "kept what was paid as unpaid";
    }

    function reverse(uint256 seed) external {
        bytes32 claim = bytes32(1 + seed % CLAIMS);
        if (claims.length != 0 && seed % 4 != 0) claim = claims[(seed >> 8) % claims.length];
        Owed storage one = owed[claim];
        bytes memory data = abi.encodeCall(_vault.reverse, (claim, one.provider, _member(one.member), PERIOD));
        bool done = _call(address(_writer), data, "reverse");
        bool expected = !one.provider.isZero() && !one.reversed;
        if (done != expected) breach = expected ? "a reversal was refused" : "reversed what was not paid";
        if (!done) return;
        if (one.queued && !one.credited) ++reached["reversed in the queue"];
        one.reversed = true;
    }

    function usePrepayment(uint256 seed) external {
        OrganizationId provider = _provider(seed);
        address payer = _payers[(seed >> 8) % _payers.length];
        uint64 amount = uint64((seed >> 16) % LARGEST);
        bytes memory data = abi.encodeCall(_vault.usePrepayment, (provider, REQUEST, 0, payer, amount));
        if (!_call(address(_writer), data, "use prepayment")) breach = "a use was refused";
        uint256 used = held[provider][payer] < amount ? held[provider][payer] : amount;
        held[provider][payer] -= used;
        prepaymentsUsed[provider] += used;
        if (used != 0) ++reached["prepayment used"];
    }

    function writeAsAnother(uint256 seed) external {
        address caller = seed % 2 == 0 ? _treasurer : _payers[0];
        bytes memory data = abi.encodeCall(_vault.keepUnpaid, (bytes32(seed), true, Finding.None, bytes8(0)));
        if (_call(caller, data, "write as another")) breach = "another wrote";
    }

    // ------------------------------------------------------------------ anyone

    function deposit(uint256 seed) external {
        address payer = _payers[seed % _payers.length];
        uint256 amount = (seed >> 8) % (6 * LARGEST);
        bool done = _call(payer, abi.encodeCall(_vault.deposit, (amount)), "deposit");
        if (done != (amount != 0)) breach = "deposit";
    }

    function prepay(uint256 seed) external {
        OrganizationId provider = _provider(seed);
        address payer = _payers[(seed >> 8) % _payers.length];
        uint256 amount = (seed >> 16) % LARGEST;
        uint256 before = _token.balanceOf(address(_vault));
        bool done = _call(payer, abi.encodeCall(_vault.prepay, (provider, REQUEST, 0, amount)), "prepay");
        if (done != (amount != 0)) breach = "prepay";
        held[provider][payer] += _token.balanceOf(address(_vault)) - before;
    }

    function refund(uint256 seed) external {
        OrganizationId provider = _provider(seed);
        address payer = _payers[(seed >> 8) % _payers.length];
        bool done = _call(payer, abi.encodeCall(_vault.refund, (provider, REQUEST, 0)), "refund");
        if (done != (held[provider][payer] != 0)) breach = "a refund was refused, or paid twice";
        held[provider][payer] = 0;
    }

    function payOut(uint256 seed) external {
        OrganizationId provider = _provider(seed);
        uint256 credit = _vault.accountOf(provider).credit;
        bool done = _call(_payers[0], abi.encodeCall(_vault.payOut, (provider)), "pay out");
        if (done != (credit != 0)) breach = "pay out";
        if (done) paidOut[provider] += credit;
    }

    function creditUnfunded(uint256 seed) external {
        uint256 count = seed % 5;
        bool done = _call(_payers[1], abi.encodeCall(_vault.creditUnfunded, (count)), "credit unfunded");
        if (done && _writer.halted()) breach = "credited while halted";
        if (!done) return;
        bool stopped = false;
        uint256 passed = 0;
        for (uint256 i = creditedFromQueue; i < queue.length; ++i) {
            Owed storage one = owed[queue[i]];
            ClaimStatus status = _vault.recordOf(queue[i]).status;
            bool credited = status == ClaimStatus.Paid || status == ClaimStatus.Partial;
            if (credited && !one.credited) {
                if (stopped) breach = "credited out of order";
                one.credited = true;
                _countAutomatic(queue[i]);
                ++reached["credited from the queue"];
                ++passed;
            }
            if (!one.credited && !one.reversed) stopped = true;
            if (!stopped) creditedFromQueue = i + 1;
        }
        if (passed > count) breach = "credited more than it was told";
    }

    // ------------------------------------------------------------------ the treasurer, the guardian and time

    function setLimits(uint256 seed) external {
        (uint128 floor, uint64 cap) = (uint128(seed % (4 * LARGEST)), uint64((seed >> 16) % (5 * LARGEST)));
        if (!_call(_treasurer, abi.encodeCall(_vault.setLimits, (floor, cap)), "set limits")) breach = "limits";
    }

    function requestWithdrawal(uint256 seed) external {
        if (requestedAmount != 0 && seed % 5 != 0) return; // so that some are made
        uint128 amount = uint128(seed % LARGEST);
        address recipient = _payers[2];
        bytes memory data = abi.encodeCall(_vault.requestWithdrawal, (recipient, amount));
        if (!_call(_treasurer, data, "request withdrawal")) breach = "request";
        (requestedAt, requestedAmount) = (block.timestamp, amount);
    }

    function withdraw(uint256 seed) external {
        address caller = seed % 4 == 0 ? _payers[0] : _treasurer;
        if (seed % 3 == 0 && block.timestamp < requestedAt + 7 days) vm.warp(requestedAt + 7 days);
        (uint128 floor,,) = _vault.limits();
        (uint256 unfunded,) = _vault.unfunded();
        uint256 available = _vault.available();
        bool ready = requestedAmount != 0 && block.timestamp >= requestedAt + 7 days;
        bool isFree = available >= unfunded + floor + requestedAmount;
        bool done = _call(caller, abi.encodeCall(_vault.withdraw, ()), "withdraw");
        if (done != (caller == _treasurer && ready && isFree)) breach = "withdrew what was not free, or too early";
        if (!done) return;
        withdrawn += requestedAmount;
        requestedAmount = 0;
    }

    function halt(uint256 seed) external {
        _writer.setHalted(seed % 3 == 0);
    }

    function wait(uint256 seed) external {
        vm.warp(block.timestamp + seed % (5 days));
    }

    // ------------------------------------------------------------------ what must hold

    /// @return earned What of the claims paid to a provider stands.
    function earnedBy(OrganizationId provider) external view returns (uint256 earned) {
        for (uint256 i = 0; i < claims.length; ++i) {
            Owed storage one = owed[claims[i]];
            if (one.provider == provider && one.credited && !one.reversed) earned += one.amount;
        }
    }

    /// @return amount What waits.
    /// @return count How many wait.
    function waiting() external view returns (uint256 amount, uint256 count) {
        for (uint256 i = 0; i < queue.length; ++i) {
            Owed storage one = owed[queue[i]];
            if (one.credited || one.reversed) continue;
            amount += one.amount;
            ++count;
        }
    }

    function sharesOf(uint256 member) external view returns (uint256 deductible, uint256 outOfPocket) {
        for (uint256 i = 0; i < claims.length; ++i) {
            Owed storage one = owed[claims[i]];
            if (one.member != member || one.reversed) continue;
            deductible += one.deductible;
            outOfPocket += one.outOfPocket;
        }
    }

    /// @return Whether each claim line's record is what became of it.
    function recordsAgree() external view returns (bool) {
        for (uint256 i = 0; i < claims.length; ++i) {
            Owed storage one = owed[claims[i]];
            ClaimRecord memory record = _vault.recordOf(claims[i]);
            bool waits = record.status == ClaimStatus.ApprovedUnfunded || record.status == ClaimStatus.PartialUnfunded;
            if ((record.status == ClaimStatus.Reversed) != one.reversed) return false;
            if (!one.reversed && waits == one.credited) return false;
            if (record.paid != one.amount || record.outOfPocket != one.outOfPocket) return false;
            if (record.deductible != one.deductible) return false;
        }
        return true;
    }

    function memberKey(uint256 member) external pure returns (bytes16) {
        return _member(member);
    }

    // ------------------------------------------------------------------ helpers

    function _countAutomatic(bytes32 claim) private {
        Owed storage one = owed[claim];
        if (!one.automatic || one.amount == 0) return;
        uint256 day = block.timestamp / 1 days;
        automaticOn[day] += one.amount;
        (, uint64 cap, uint64 creditedToday) = _vault.limits();
        if (automaticOn[day] > cap) breach = "credited over the daily cap";
        if (automaticOn[day] != creditedToday) {
            // More of one call are counted one after the other.
            if (creditedToday < automaticOn[day]) breach = "counted less than was credited";
        }
    }

    /// @dev Now and then with shares that contradict each other.
    function _some(uint256 seed) private view returns (Owed memory one) {
        one.provider = _provider(seed >> 8);
        one.member = (seed >> 16) % MEMBERS;
        one.automatic = (seed >> 24) % 3 != 0;
        one.amount = uint64((seed >> 40) % LARGEST);
        one.outOfPocket = uint64((seed >> 72) % 200);
        one.deductible = uint64((seed >> 104) % (one.outOfPocket + 2));
    }

    function _fits(Owed memory one) private view returns (bool) {
        IInsurerVault.Accumulators memory before = _vault.accumulatorsOf(_member(one.member), PERIOD);
        return one.deductible <= one.outOfPocket
            && (one.deductible == 0 || before.deductible + one.deductible <= DEDUCTIBLE)
            && (one.outOfPocket == 0 || before.outOfPocket + one.outOfPocket <= OUT_OF_POCKET);
    }

    function _settle(bytes32 claim, Owed memory one, uint256 seed) private returns (bool) {
        IInsurerVault.Payment memory payment;
        payment.claim = claim;
        payment.provider = one.provider;
        payment.memberKey = _member(one.member);
        payment.period = PERIOD;
        payment.automatic = one.automatic;
        payment.inPart = (seed >> 32) % 4 == 0;
        payment.finding = one.automatic ? Finding.None : Finding.Unbundled;
        (payment.amount, payment.deductible, payment.outOfPocket) = (one.amount, one.deductible, one.outOfPocket);
        IInsurerVault.Accumulators memory caps = IInsurerVault.Accumulators(DEDUCTIBLE, OUT_OF_POCKET);
        return _call(address(_writer), abi.encodeCall(_vault.settle, (payment, caps)), "settle");
    }

    function _call(address caller, bytes memory data, string memory what) private returns (bool done) {
        ++calls;
        vm.prank(caller);
        (done,) = address(_vault).call(data);
        if (done) ++reached[what];
    }

    function _provider(uint256 seed) private view returns (OrganizationId) {
        return _providers[seed % PROVIDERS];
    }

    function _member(uint256 member) private pure returns (bytes16) {
        return bytes16(keccak256(abi.encode("member", member)));
    }
}
