// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DocumentTerms} from "../../../contracts/anchoring/DocumentTerms.sol";
import {IDocumentAnchor} from "../../../contracts/anchoring/IDocumentAnchor.sol";
import {AuthorizationRule, BenefitClass, Coverage} from "../../../contracts/authorization/BenefitRule.sol";
import {ClaimStatus, Finding} from "../../../contracts/authorization/ClaimRecord.sol";
import {IAuthorizationIntake} from "../../../contracts/authorization/IAuthorizationIntake.sol";
import {IClaimSettlement} from "../../../contracts/authorization/IClaimSettlement.sol";
import {IInsurerVault} from "../../../contracts/authorization/IInsurerVault.sol";
import {Haltable} from "../../../contracts/identity/Haltable.sol";
import {OrganizationId} from "../../../contracts/identity/OrganizationId.sol";
import {Replaceable} from "../../../contracts/identity/Replaceable.sol";

import {AUTOMATIC, EXCLUDED, FREE, LENIENT, REVIEWED, TWICE, UNRULED} from "./AuthorizationFixture.sol";
import {AuthorizationModel, Broken, Stage} from "./AuthorizationModel.sol";

/// @notice What providers, reviewers, the insurer and anyone can do to an insurer's authorizations and claims, one
/// function for each kind of act. Every function lets some time pass (none, half of the time), mostly acts on a line that
/// can take it, foretells whether the call succeeds, calls, and has the model take the events. Then it compares the lines
/// of that request, and the counts of its member, with the model.
contract AuthorizationHandler is AuthorizationModel {
    uint40 private constant RECEIPT_WINDOW = 1 days;
    uint256 private constant APPEAL_SECONDS = 60 days;
    uint256 private constant MOST_REQUESTS = 60;

    enum Word {
        Good,
        Missing,
        Stale,
        Forged,
        OfAnother,
        OfAnotherPlan
    }

    struct Update {
        Request request;
        uint8 revision;
        Word word;
        uint8 member;
        Change[] changes;
        uint256 cancelled;
    }

    bool[2] private _halted; // authorizations, settlement
    bool[2] private _closed;
    mapping(uint8 provider => bytes32[]) private _leaves; // that claims rest on
    Review private _last; // sent
    address private _lastKey;
    bytes private _lastSignature;
    uint256 private _random;

    constructor(Stage memory stage_) {
        stage = stage_;
        for (uint256 i = 0; i < 2; ++i) {
            stage.token.mint(stage.keys[i], type(uint96).max);
            vm.prank(stage.keys[i]);
            stage.token.approve(address(stage.vault), type(uint256).max);
        }
        vm.prank(stage.keys[0]);
        stage.vault.deposit(300);
        vm.prank(stage.treasurer);
        stage.vault.setLimits(0, 400);
    }

    // ------------------------------------------------------------------ providers

    function submit(uint256 seed) external {
        _begin(seed);
        if (requests.length != 0 && (_oneIn(8) || requests.length >= MOST_REQUESTS)) return _submitAgain();
        uint8 provider = uint8(_pick(2));
        Request memory request = _newRequest(provider);
        uint8 member = uint8(_pick(MEMBERS));
        Word word = _word();
        Line[] memory lines = _newLines(1 + _pick(3), request.receivedAt);
        bool expected = _isSubmissible(provider, request) && word < Word.Forged;
        _expectLines(lines, 0, request, word, member);
        Eligibility memory eligibility = _eligibility(word, provider, member, request.version);
        bytes memory data = abi.encodeCall(stage.authorizations.submit, (request, eligibility, lines, _none()));
        if (!_act(stage.keys[provider], address(stage.authorizations), data, expected, "submit")) return;
        requests.push();
        RequestEntry storage entry = requests[requests.length - 1];
        requestEntryOf[_lineKey(provider, request.id, 0)] = requests.length;
        (entry.provider, entry.id, entry.content) = (provider, request.id, request.content);
        (entry.lines, entry.expedited) = (uint8(lines.length), request.expedited);
        entry.member = submitted.covered ? member + 1 : 0;
        _compare(entry);
    }

    function update(uint256 seed) external {
        _begin(seed);
        if (requests.length == 0) return;
        RequestEntry storage entry = _someRequest();
        if (entry.lines > 12) return;
        Update memory update_;
        update_.request = _newRequest(entry.provider);
        update_.request.id = entry.id;
        update_.revision = _oneIn(10) ? uint8(_pick(3)) : entry.revision;
        update_.word = _word();
        update_.member = entry.member == 0 || _oneIn(12) ? uint8(_pick(MEMBERS)) : entry.member - 1;
        Line[] memory lines = _newLines(_pick(3), update_.request.receivedAt);
        update_.cancelled = _oneIn(2) ? 0 : 1 << _pick(entry.lines);
        update_.changes = _newChanges(entry, lines);
        bool expected = _isUpdatable(entry, update_);
        _expectLines(lines, entry.lines, update_.request, update_.word, update_.member);
        if (update_.word != Word.Good) submitted.member = entry.member;
        else if (expected) _setMember(entry, update_.member);
        bytes memory data = _updateCall(entry.provider, update_);
        if (!_act(stage.keys[entry.provider], address(stage.authorizations), data, expected, "update")) return;
        (entry.lines, entry.revision) = (entry.lines + uint8(lines.length), update_.revision + 1);
        (entry.content, entry.expedited) = (update_.request.content, update_.request.expedited);
        _compare(entry);
    }

    function cancel(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        Entry storage line = _someLine(_oneIn(3) ? 10 : 1);
        uint256 lines = 1 << line.number;
        if (_oneIn(3)) lines |= 1 << _pick(3);
        uint8 provider = _oneIn(10) ? 1 - line.provider : line.provider;
        bool expected = true;
        for (uint256 number = 0; number < 16; ++number) {
            if (lines >> number & 1 == 0) continue;
            uint256 index = entryOf[_lineKey(provider, line.request, uint8(number))];
            if (index == 0 || !_isCancellable(entries[index - 1].state.status)) expected = false;
        }
        bytes memory data = abi.encodeCall(stage.authorizations.cancel, (line.request, lines));
        if (_act(stage.keys[provider], address(stage.authorizations), data, expected, "cancel")) _compareOf(line);
    }

    function verifyCoverage(uint256 seed) external {
        _begin(seed);
        if (requests.length == 0) return;
        RequestEntry storage entry = requests[_pick(requests.length)];
        for (uint256 i = 0; i < requests.length && entry.member != 0 && !_oneIn(8); ++i) {
            entry = requests[i];
        }
        Word word = _word();
        uint8 member = entry.member == 0 || _oneIn(3) ? uint8(_pick(MEMBERS)) : entry.member - 1;
        uint256 by = _pick(6);
        address caller = by == 0 ? stage.stranger : by < 3 ? stage.insurerKey : stage.keys[entry.provider];
        bool expected = by != 0 && !_halted[0] && word == Word.Good && (entry.member == 0 || entry.member == member + 1);
        bytes memory data = _verificationCall(entry, word, member);
        if (expected) _setMember(entry, member);
        if (_act(caller, address(stage.authorizations), data, expected, "verify coverage")) _compare(entry);
    }

    function appeal(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        Entry storage line = _someLine(_oneIn(2) ? 8 : 2);
        uint16 sequence = _oneIn(10) ? uint16(_pick(3)) : line.state.sequence;
        uint40 receivedAt = uint40(block.timestamp);
        if (_oneIn(3)) receivedAt -= uint40(_pick(2 days));
        bool expected = sequence == line.state.sequence
            && (line.state.appeal == AppealStatus.Open || _isAppealable(line.state, receivedAt));
        bytes memory data = abi.encodeCall(
            stage.authorizations.appeal, (line.request, line.number, sequence, _oneIn(2), receivedAt, bytes32(_random))
        );
        address caller = stage.keys[line.provider];
        if (_act(caller, address(stage.authorizations), data, expected, "appeal")) _compareOf(line);
    }

    // ------------------------------------------------------------------ the insurer, and anyone

    function ask(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        Entry storage line = _someLine(3);
        OrganizationId provider = stage.providers[line.provider];
        uint256 what = _pick(3);
        address caller = what == 1 ? stage.keys[line.provider] : stage.insurerKey;
        LineStatus status = line.state.status;
        bool expected;
        bytes memory data;
        if (what == 0) {
            expected = !_halted[0] && status == LineStatus.Pended;
            data = abi.encodeCall(
                stage.authorizations.requestInformation, (provider, line.request, line.number, bytes32(seed))
            );
        } else if (what == 1) {
            expected = status == LineStatus.InformationRequested;
            data = abi.encodeCall(
                stage.authorizations.supplyInformation, (line.request, line.number, bytes32(seed), _none())
            );
        } else {
            uint16 reason = uint16(_pick(6));
            expected =
                !_halted[0] && _isPended(status) && !line.extended && block.timestamp <= line.dueAt && reason != 0;
            data = abi.encodeCall(stage.authorizations.extendDeadline, (provider, line.request, line.number, reason));
        }
        string[3] memory names = ["request information", "supply information", "extend"];
        if (_act(caller, address(stage.authorizations), data, expected, names[what])) _compareOf(line);
    }

    function markOverdue(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        Entry storage line = _someLine(_oneIn(3) ? 5 : 3);
        if (_oneIn(5) && block.timestamp <= line.dueAt) vm.warp(line.dueAt + _pick(1 days));
        bytes memory data = abi.encodeCall(
            stage.authorizations.markOverdue, (stage.providers[line.provider], line.request, line.number)
        );
        bool expected = _isMarkable(line);
        if (_act(stage.stranger, address(stage.authorizations), data, expected, "mark overdue")) _compareOf(line);
    }

    function expire(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        Entry storage line = _someLine(4);
        LineState storage state = line.state;
        uint256 last = uint256(state.validTo) + _ruleOf(state.version, state.benefitClass).claim.filingDays;
        if (_oneIn(12) && block.timestamp / 1 days <= last) vm.warp((last + 1) * 1 days);
        bool expected = _isGrant(state.status) && state.appeal != AppealStatus.Open && block.timestamp / 1 days > last;
        bytes memory data =
            abi.encodeCall(stage.authorizations.expire, (stage.providers[line.provider], line.request, line.number));
        if (_act(stage.stranger, address(stage.authorizations), data, expected, "expire")) _compareOf(line);
    }

    // ------------------------------------------------------------------ reviewers

    function review(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        _review(_someLine(_oneIn(2) ? 7 : 3));
    }

    function reviewAppeal(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        _review(_someLine(_oneIn(2) ? 11 : 5));
    }

    /// @dev The last review once more, or as another reviewer's.
    function reviewAgain(uint256 seed) external {
        _begin(seed);
        if (_last.provider.isZero()) return;
        Review memory review_ = _last;
        uint256 signer = _pick(3);
        if (_oneIn(2)) _sendReview(review_, signer, _signed(review_, signer), true);
        else _sendLast(review_);
    }

    // ------------------------------------------------------------------ claims

    function claim(uint256 seed) external {
        _begin(seed);
        if (entries.length == 0) return;
        Entry storage line = _someLine(_oneIn(10) ? 0 : _oneIn(3) ? 9 : 6);
        IClaimSettlement.ClaimLine[] memory lines = new IClaimSettlement.ClaimLine[](1 + _pick(3));
        for (uint256 i = 0; i < lines.length; ++i) {
            lines[i] = _newClaimLine(line);
        }
        uint8 provider = _oneIn(12) ? 1 - line.provider : line.provider;
        claiming = IClaimSettlement.Claim({
            id: bytes32(1 + _pick(200)), content: bytes32(_random), payer: _oneIn(2) ? stage.keys[0] : address(0)
        });
        if (claimed.length != 0 && _oneIn(6)) {
            ClaimEntry storage known = claimed[_pick(claimed.length)];
            (provider, lines[0]) = (known.provider, known.line);
            if (_oneIn(2)) claiming = known.claim;
        }
        if (_oneIn(3)) _prepay(line);
        IDocumentAnchor.Document[] memory documents = _documents(provider);
        bool expected = !_halted[1] && !_closed[1];
        bytes memory data = abi.encodeCall(stage.settlement.submit, (claiming, lines, documents));
        if (_act(stage.keys[provider], address(stage.settlement), data, expected, "claim")) _compareOf(line);
    }

    function reviewClaim(uint256 seed) external {
        _begin(seed);
        if (claimed.length == 0) return;
        ClaimEntry storage entry = _someClaim(false);
        IClaimSettlement.ClaimReview memory review_;
        review_.provider = stage.providers[entry.provider];
        review_.key = _claimKey(entry.provider, entry.line);
        review_.status = _oneIn(10) ? ClaimStatus(_pick(8)) : entry.status;
        uint256 kind = _pick(5);
        if (kind != 0) review_.allowed = uint64(kind < 3 ? entry.line.charge : _pick(entry.line.charge + 2));
        review_.carc = uint16(_oneIn(2) ? (_oneIn(2) ? 45 : 50) : 0);
        if (kind == 0 && !_oneIn(8)) review_.carc = 50;
        review_.rationale = bytes32(_random);
        uint256 signer = _pick(_oneIn(8) ? 4 : 3);
        bytes memory signature = _sign(stage.reviewerSecrets[signer], _digest("ClaimSettlement", _hash(review_)));
        (reviewing, claiming) = (_personOf(signer), entry.claim);
        bool expected = signer < 3 && _isDecidable(entry, review_);
        bytes memory data = abi.encodeCall(
            stage.settlement.review, (review_, entry.claim, entry.line, stage.reviewerKeys[signer], signature)
        );
        _act(stage.stranger, address(stage.settlement), data, expected, "review claim");
    }

    function reverse(uint256 seed) external {
        _begin(seed);
        if (claimed.length == 0) return;
        ClaimEntry storage entry = _someClaim(true);
        uint16 reason = uint16(_pick(8));
        uint256 signer = _pick(_oneIn(8) ? 4 : 3);
        OrganizationId provider = stage.providers[entry.provider];
        bytes memory signature = _signedReversal(provider, _claimKey(entry.provider, entry.line), reason, signer);
        reviewing = _personOf(signer);
        bool waits = entry.status == ClaimStatus.ApprovedUnfunded || entry.status == ClaimStatus.PartialUnfunded;
        bool expected = signer < 3 && reason != 0 && _isPaid(entry.status) && (waits || !_halted[1]);
        bytes memory data = abi.encodeCall(
            stage.settlement.reverse, (provider, entry.line, reason, stage.reviewerKeys[signer], signature)
        );
        _act(stage.stranger, address(stage.settlement), data, expected, "reverse");
    }

    // ------------------------------------------------------------------ money, stops, strangers and time

    /// @dev Whether these succeed is the vault's own invariants' to say.
    function fund(uint256 seed) external {
        _begin(seed);
        uint256 what = _pick(8);
        (, uint256 waiting) = stage.vault.unfunded();
        if (waiting != 0) what = _pick(4);
        OrganizationId provider = stage.providers[_pick(2)];
        address payer = stage.keys[0];
        if (what < 2) {
            _try(payer, abi.encodeCall(stage.vault.deposit, (_pick(700))));
        } else if (what < 4) {
            _try(payer, abi.encodeCall(stage.vault.creditUnfunded, (1 + _pick(4))));
        } else if (what == 4) {
            _try(payer, abi.encodeCall(stage.vault.payOut, (provider)));
        } else if (what == 5) {
            _try(stage.treasurer, abi.encodeCall(stage.vault.setLimits, (0, uint64(_pick(700)))));
        } else if (entries.length != 0) {
            Entry storage line = _someLine(6);
            provider = stage.providers[line.provider];
            if (what == 6) _prepay(line);
            else _try(payer, abi.encodeCall(stage.vault.refund, (provider, line.request, line.number)));
        }
    }

    /// @dev Stops, what nobody may do, and time.
    function disturb(uint256 seed) external {
        _begin(seed);
        uint256 what = _pick(4);
        if (what == 0 || _isStopped()) _stop();
        else if (what == 1) _meddle();
        else vm.warp(block.timestamp + _pick(_oneIn(5) ? 20 days : 2 days));
    }

    function _stop() private {
        uint256 which = _pick(2);
        address target = _version(which);
        if (_halted[1 - which] || _closed[1 - which]) (which, target) = (1 - which, _version(1 - which));
        if (_halted[which]) {
            _act(stage.administrator, target, abi.encodeCall(Haltable.resume, ()), true, "resume");
            _halted[which] = false;
        } else if (_closed[which]) {
            _act(stage.administrator, target, abi.encodeCall(Replaceable.openToNewWork, ()), true, "open");
            _closed[which] = false;
        } else if (_oneIn(2)) {
            _act(stage.guardian, target, abi.encodeCall(Haltable.halt, ()), true, "halt");
            _halted[which] = true;
        } else {
            _act(stage.administrator, target, abi.encodeCall(Replaceable.closeToNewWork, ()), true, "close");
            _closed[which] = true;
        }
    }

    /// @dev What nobody but another contract may do, and the parts called by themselves.
    function _meddle() private {
        if (entries.length == 0) return;
        Entry storage line = _someLine(4);
        address[5] memory callers =
            [stage.stranger, stage.keys[line.provider], stage.insurerKey, stage.reviewerKeys[0], stage.administrator];
        address caller = callers[_pick(5)];
        (address target, bytes memory data) = _forbidden(line, stage.providers[line.provider]);
        _act(caller, target, data, false, "meddle");
        _compareOf(line);
    }

    // ------------------------------------------------------------------ calls

    function _isStopped() private view returns (bool) {
        return _halted[0] || _halted[1] || _closed[0] || _closed[1];
    }

    function _version(uint256 which) private view returns (address) {
        return which == 0 ? address(stage.authorizations) : address(stage.settlement);
    }

    function _begin(uint256 seed) private {
        _random = uint256(keccak256(abi.encode(seed, calls)));
        if (_isStopped() && _oneIn(3)) _stop();
        delete asked;
        (reviewing, signedContent) = (0, 0);
        if (_oneIn(2)) return;
        vm.warp(block.timestamp + _pick(_oneIn(6) ? 2 days : 3 hours));
    }

    function _act(address caller, address target, bytes memory data, bool expected, string memory what)
        private
        returns (bool done)
    {
        ++calls;
        vm.recordLogs();
        vm.prank(caller);
        (done,) = target.call(data);
        if (done != expected) {
            _break(Broken.Outcome, string.concat(what, done ? ": accepted against the rules" : ": refused"));
        }
        if (!done) return false;
        ++accepted;
        ++reached[what];
        _take(vm.getRecordedLogs());
    }

    function _try(address caller, bytes memory data) private {
        ++calls;
        vm.recordLogs();
        vm.prank(caller);
        (bool done,) = address(stage.vault).call(data);
        if (!done) return;
        ++accepted;
        _take(vm.getRecordedLogs());
    }

    function _prepay(Entry storage line) private {
        OrganizationId provider = stage.providers[line.provider];
        uint256 amount = 1 + _pick(200);
        _try(stage.keys[0], abi.encodeCall(stage.vault.prepay, (provider, line.request, line.number, amount)));
    }

    function _sendLast(Review memory review_) private {
        uint256 signer = 0;
        while (stage.reviewerKeys[signer] != _lastKey) ++signer;
        _sendReview(review_, signer, _lastSignature, true);
    }

    // ------------------------------------------------------------------ requests

    /// @dev The same id, with the same content or another.
    function _submitAgain() private {
        RequestEntry storage known = _someRequest();
        Request memory request = _newRequest(known.provider);
        request.id = known.id;
        if (_oneIn(2)) request.content = known.content;
        bool expected = !_halted[0] && !_closed[0] && request.content == known.content;
        Eligibility memory eligibility = _eligibility(Word.Good, known.provider, 0, request.version);
        Line[] memory lines = _newLines(1, request.receivedAt);
        bytes memory data = abi.encodeCall(stage.authorizations.submit, (request, eligibility, lines, _none()));
        _act(stage.keys[known.provider], address(stage.authorizations), data, expected, "submit again");
        _compare(known);
    }

    function _newRequest(uint8 provider) private returns (Request memory request) {
        request.id = bytes32(_random);
        request.content = keccak256(abi.encode("content", _random));
        bool later = block.timestamp >= stage.laterFrom[provider];
        request.version = stage.versions[_oneIn(7) ? 2 : later ? 1 : 0];
        if (_oneIn(20)) request.version = stage.versions[later ? 0 : 1];
        request.receivedAt = uint40(block.timestamp - (_oneIn(2) ? 0 : _pick(20 hours)));
        if (_oneIn(25)) request.receivedAt = uint40(block.timestamp + 1 - _pick(2) * 2 days);
        request.expedited = _oneIn(3);
    }

    function _newLines(uint256 count, uint40 receivedAt) private returns (Line[] memory lines) {
        lines = new Line[](count);
        uint16[18] memory classes = [
            AUTOMATIC,
            AUTOMATIC,
            AUTOMATIC,
            AUTOMATIC,
            AUTOMATIC,
            AUTOMATIC,
            AUTOMATIC,
            AUTOMATIC,
            REVIEWED,
            REVIEWED,
            REVIEWED,
            EXCLUDED,
            LENIENT,
            LENIENT,
            TWICE,
            TWICE,
            FREE,
            UNRULED
        ];
        for (uint256 i = 0; i < count; ++i) {
            Line memory line = lines[i];
            line.benefitClass = BenefitClass.wrap(classes[_pick(18)]);
            if (_oneIn(40)) line.unitCode = 1;
            line.milliUnits = uint40(1_000 * (1 + _pick(_oneIn(8) ? 16 : 8)));
            line.amount = uint64(line.milliUnits * (90 + _pick(_oneIn(6) ? 100 : 40)) / 1_000);
            if (_oneIn(30)) line.amount = UNKNOWN_AMOUNT;
            line.serviceDay = uint16(receivedAt / 1 days + _pick(4));
            if (_oneIn(40)) line.serviceDay = uint16(receivedAt / 1 days - 2);
            line.commitment = bytes32(_random);
        }
    }

    function _newChanges(RequestEntry storage entry, Line[] memory lines) private returns (Change[] memory changes) {
        changes = new Change[](lines.length);
        for (uint256 i = 0; i < lines.length; ++i) {
            changes[i] = Change(_oneIn(4) ? type(uint8).max : uint8(_pick(entry.lines)), lines[i]);
        }
    }

    function _expectLines(Line[] memory lines, uint256 from, Request memory request, Word word, uint8 member) private {
        for (uint256 i = 0; i < lines.length; ++i) {
            asked.push(lines[i]);
        }
        askedFrom = from;
        bool covered = word == Word.Good;
        submitted = Submitted(request.version, covered, covered ? member + 1 : 0, request.receivedAt);
    }

    /// @dev Of the whole request, all lines.
    function _setMember(RequestEntry storage entry, uint8 member) private {
        if (entry.member != 0) return;
        entry.member = member + 1;
        for (uint8 number = 0; number < entry.lines; ++number) {
            LineState storage state = _entry(entry.provider, entry.id, number).state;
            (state.memberKey, state.period) = (memberKey(member), periodOf(member));
        }
    }

    function _isSubmissible(uint8 provider, Request memory request) private view returns (bool) {
        bool later = block.timestamp >= stage.laterFrom[provider];
        bool inForce = request.version == stage.versions[2] || request.version == stage.versions[later ? 1 : 0];
        return inForce && !_halted[0] && !_closed[0] && request.receivedAt <= block.timestamp
            && request.receivedAt + RECEIPT_WINDOW >= block.timestamp;
    }

    function _isUpdatable(RequestEntry storage entry, Update memory update_) private view returns (bool) {
        if (!_isSubmissible(entry.provider, update_.request) || update_.word >= Word.Forged) return false;
        bool other = entry.member != 0 && entry.member != update_.member + 1;
        if (update_.revision != entry.revision || (update_.word == Word.Good && other)) return false;
        return _areChangeable(entry, update_.changes, update_.cancelled);
    }

    function _updateCall(uint8 provider, Update memory update_) private view returns (bytes memory) {
        Eligibility memory eligibility = _eligibility(update_.word, provider, update_.member, update_.request.version);
        return abi.encodeCall(
            stage.authorizations.update,
            (update_.request, update_.revision, eligibility, update_.changes, update_.cancelled, _none())
        );
    }

    /// @dev First lines are cancelled, then superseded, one after the other.
    function _areChangeable(RequestEntry storage entry, Change[] memory changes, uint256 cancelled)
        private
        view
        returns (bool)
    {
        uint256 ended = 0;
        for (uint8 number = 0; number < entry.lines; ++number) {
            LineStatus status = _entry(entry.provider, entry.id, number).state.status;
            bool over = status == LineStatus.Superseded || status == LineStatus.Cancelled;
            if (over || status == LineStatus.Expired) ended |= 1 << number;
            if (cancelled >> number & 1 == 1 && !_isCancellable(status)) return false;
        }
        ended |= cancelled;
        for (uint256 i = 0; i < changes.length; ++i) {
            if (changes[i].supersedes == type(uint8).max) continue;
            if (ended >> changes[i].supersedes & 1 == 1) return false;
            ended |= 1 << changes[i].supersedes;
        }
        return true;
    }

    function _isCancellable(LineStatus status) private pure returns (bool) {
        return _isPended(status) || _isGrant(status) || status == LineStatus.Cancelled;
    }

    function _word() private returns (Word) {
        if (!_oneIn(6)) return Word.Good;
        return _oneIn(2) ? Word(1 + _pick(2)) : Word(3 + _pick(3));
    }

    function _eligibility(Word word, uint8 provider, uint8 member, uint16 version)
        private
        view
        returns (Eligibility memory eligibility)
    {
        if (word == Word.Missing) return eligibility;
        eligibility.memberKey = memberKey(member);
        eligibility.plan = (version == stage.versions[2]) == (word != Word.OfAnotherPlan) ? 9 : 7;
        eligibility.period = periodOf(member);
        eligibility.validUntil = uint40(word == Word.Stale ? block.timestamp - 1 : block.timestamp + 1 days);
        eligibility.key = stage.insurerKey;
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Eligibility(bytes16 memberKey,bytes12 provider,uint32 plan,uint16 period,uint40 validUntil)"
                ),
                eligibility.memberKey,
                stage.providers[word == Word.OfAnother ? 1 - provider : provider],
                eligibility.plan,
                eligibility.period,
                eligibility.validUntil
            )
        );
        uint256 secret = word == Word.Forged ? stage.reviewerSecrets[3] : stage.insurerSecret;
        eligibility.signature = _sign(secret, _digest("PriorAuthorization", structHash));
    }

    function _verificationCall(RequestEntry storage entry, Word word, uint8 member)
        private
        view
        returns (bytes memory)
    {
        uint16 version = _entry(entry.provider, entry.id, 0).state.version;
        Eligibility memory eligibility = _eligibility(word, entry.provider, member, version);
        OrganizationId provider = stage.providers[entry.provider];
        return abi.encodeCall(stage.authorizations.verifyCoverage, (provider, entry.id, eligibility));
    }

    function _isAppealable(LineState storage state, uint40 receivedAt) private view returns (bool) {
        bool adverse =
            state.action == Action.Denied || state.action == Action.ApprovedInPart || state.action == Action.Modified;
        bool stands =
            state.status == LineStatus.Denied || state.status == LineStatus.Exhausted || _isGrant(state.status);
        return adverse && stands && state.appeal == AppealStatus.None && receivedAt <= block.timestamp
            && receivedAt + RECEIPT_WINDOW >= block.timestamp && receivedAt >= state.decidedAt
            && block.timestamp <= state.decidedAt + APPEAL_SECONDS;
    }

    function _isMarkable(Entry storage line) private view returns (bool) {
        bool appealed = line.state.appeal == AppealStatus.Open;
        if (_halted[0] || (!_isPended(line.state.status) && !appealed) || block.timestamp <= line.dueAt) return false;
        if (!line.overdue) return true;
        uint256 time = line.dueAt - line.receivedAt;
        return line.approvesOverdue && !appealed && line.state.memberKey != 0
            && block.timestamp > line.state.decidedAt + time
            && _fits(line.state, line.state.benefitClass, line.state.milliUnits);
    }

    /// @dev Whether a member's period has units in full.
    function _fits(LineState storage state, BenefitClass benefitClass, uint256 milliUnits) private view returns (bool) {
        AuthorizationRule memory rule = _ruleOf(state.version, benefitClass).authorization;
        if (rule.coverage == Coverage.Unset) return true;
        Count storage count = counts[_countedFor(state)][state.period][BenefitClass.unwrap(benefitClass)];
        return count.reserved + count.used + milliUnits <= rule.maxMilliUnitsPerPeriod;
    }

    // ------------------------------------------------------------------ reviews

    function _review(Entry storage line) private {
        Review memory review_;
        (review_.provider, review_.requestId) = (stage.providers[line.provider], line.request);
        (review_.line, review_.benefitClass) = (line.number, line.state.benefitClass);
        review_.sequence = _oneIn(12) ? uint16(_pick(4)) : line.state.sequence;
        _decideAtRandom(review_, line.state);
        review_.reason = uint16(_pick(10));
        review_.rationale = bytes32(_random);
        uint256 signer = _pick(_oneIn(10) ? 4 : 3);
        _sendReview(review_, signer, _signed(review_, signer), !_oneIn(20));
    }

    function _decideAtRandom(Review memory review_, LineState storage state) private {
        uint256 kind = _pick(8);
        (review_.milliUnits, review_.amount) = (state.milliUnits, state.amount);
        if (review_.milliUnits == 0) review_.milliUnits = 1_000;
        if (kind < 2) {
            (review_.action, review_.milliUnits, review_.amount) = (Action.Denied, 0, 0);
        } else if (kind < 5) {
            review_.action = Action.ApprovedInFull;
        } else if (kind == 5) {
            review_.action = Action.ApprovedInPart;
            review_.milliUnits = uint40(1_000 * (1 + _pick(1 + state.milliUnits / 1_000)));
            if (state.amount != UNKNOWN_AMOUNT) review_.amount = uint64(_pick(uint256(state.amount) + 1));
        } else {
            review_.action = Action.Modified;
            review_.milliUnits = uint40(1_000 * (1 + _pick(8)));
            review_.amount = uint64(_pick(1_200));
            uint16[3] memory classes = [AUTOMATIC, REVIEWED, UNRULED];
            if (_oneIn(3)) review_.benefitClass = BenefitClass.wrap(classes[_pick(3)]);
        }
        if (_oneIn(15)) review_.milliUnits = 0;
    }

    function _sendReview(Review memory review_, uint256 signer, bytes memory signature, bool wellSigned) private {
        if (!wellSigned) signature = _sign(stage.reviewerSecrets[signer], keccak256(signature));
        (reviewing, signedContent) = (_personOf(signer), _hashOf(review_));
        uint8 provider = review_.provider == stage.providers[0] ? 0 : 1;
        Entry storage line = _entry(provider, review_.requestId, review_.line);
        bool expected = wellSigned && signer < 3 && !_halted[0] && _isReviewable(review_, line);
        bytes memory data =
            abi.encodeCall(stage.authorizations.review, (review_, stage.reviewerKeys[signer], signature));
        bool done = _act(stage.stranger, address(stage.authorizations), data, expected, "review");
        (_last, _lastKey, _lastSignature) = (review_, stage.reviewerKeys[signer], signature);
        if (!wellSigned) _last.provider = OrganizationId.wrap(0);
        if (done) _compareOf(line);
    }

    function _isReviewable(Review memory review_, Entry storage line) private view returns (bool) {
        LineState storage state = line.state;
        if (review_.sequence != state.sequence) {
            return state.sequence == review_.sequence + 1 && line.reviewer == reviewing && line.content == signedContent;
        }
        bool inFull = review_.action == Action.ApprovedInFull;
        if (!_isMeant(review_, state) || (review_.reason == 0 && !inFull)) return false;
        if (state.appeal == AppealStatus.Open) {
            if (reviewing == line.reviewer) return false;
            bool opined = line.opinion != 0 && line.opinionSequence + 1 == state.sequence;
            if (opined && reviewing == line.opinion) return false;
            return review_.action == Action.Denied || _isGrantable(review_, state);
        }
        if (!_isPended(state.status)) return false;
        if (line.needsTwo && !inFull) {
            bool opined = line.opinion != 0 && line.opinionSequence == state.sequence;
            if (!opined) return true;
            if (reviewing == line.opinion) return line.opinionContent == signedContent;
        }
        return review_.action == Action.Denied || _isGrantable(review_, state);
    }

    /// @dev Whether a review says what its action means.
    function _isMeant(Review memory review_, LineState storage state) private view returns (bool) {
        if (review_.action == Action.Denied) return review_.milliUnits == 0 && review_.amount == 0;
        if (review_.milliUnits == 0) return false;
        bool untouched = _isPended(state.status) || state.status == LineStatus.Denied;
        if (review_.action == Action.Modified || !untouched) return true;
        if (review_.milliUnits > state.milliUnits || review_.amount > state.amount) return false;
        bool all = review_.milliUnits == state.milliUnits
            && (review_.amount == state.amount || state.amount == UNKNOWN_AMOUNT);
        return all ? review_.action == Action.ApprovedInFull : review_.action == Action.ApprovedInPart;
    }

    function _isGrantable(Review memory review_, LineState storage state) private view returns (bool) {
        bool untouched = _isPended(state.status) || state.status == LineStatus.Denied;
        if (review_.benefitClass != state.benefitClass) {
            bool ruled = BenefitClass.unwrap(review_.benefitClass) != UNRULED;
            if (review_.action != Action.Modified || !untouched || !ruled) return false;
        }
        return state.memberKey != 0 && _fits(state, review_.benefitClass, review_.milliUnits);
    }

    function _hashOf(Review memory review_) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Review(bytes12 provider,bytes32 requestId,uint8 line,uint16 sequence,uint8 action,uint16 benefitClass,uint40 milliUnits,uint64 amount,uint16 reason,bytes32 rationale)"
                ),
                review_
            )
        );
    }

    function _signed(Review memory review_, uint256 signer) private view returns (bytes memory) {
        return _sign(stage.reviewerSecrets[signer], _digest("PriorAuthorization", _hashOf(review_)));
    }

    /// @dev The first two keys are one person's, the last is nobody's.
    function _personOf(uint256 signer) private pure returns (bytes12) {
        return bytes12(bytes32(signer == 3 ? 0 : (signer == 2 ? uint256(2) : 1) << 160));
    }

    // ------------------------------------------------------------------ claims

    function _newClaimLine(Entry storage line) private returns (IClaimSettlement.ClaimLine memory claimLine) {
        claimLine.requestId = _oneIn(20) ? bytes32(_pick(2)) : line.request;
        claimLine.line = line.number;
        uint256 today = block.timestamp / 1 days;
        uint256 day = today - _pick(4);
        if (day < line.state.validFrom) day = line.state.validFrom;
        if (day > line.state.validTo) day = line.state.validTo;
        if (day > today && !_oneIn(4)) vm.warp(day * 1 days);
        if (_oneIn(10)) day = today - _pick(20);
        claimLine.serviceDay = uint16(day);
        uint256 most = line.state.milliUnits / 1_000;
        claimLine.milliUnits = uint40(_oneIn(2) ? 1_000 * (1 + _pick(most + 2)) : line.state.milliUnits);
        if (claimLine.milliUnits == 0) claimLine.milliUnits = 1_000;
        claimLine.charge = uint64(uint256(claimLine.milliUnits) * (60 + _pick(50)) / 1_000);
    }

    /// @dev One that no claim rests on yet, a former one, or none.
    function _documents(uint8 provider) private returns (IDocumentAnchor.Document[] memory documents) {
        if (_oneIn(15)) return documents;
        documents = new IDocumentAnchor.Document[](1);
        bytes32 leaf = keccak256(abi.encode("document", provider, calls));
        if (_oneIn(8) && _leaves[provider].length != 0) {
            leaf = _leaves[provider][_pick(_leaves[provider].length)];
        } else {
            vm.prank(stage.keys[provider]);
            stage.anchors.anchor(leaf, DocumentTerms.wrap(0));
            _leaves[provider].push(leaf);
        }
        documents[0] = IDocumentAnchor.Document(stage.keys[provider], leaf, 0, 0, new bytes32[](0));
    }

    function _isDecidable(ClaimEntry storage entry, IClaimSettlement.ClaimReview memory review_)
        private
        view
        returns (bool)
    {
        bool open = entry.status == ClaimStatus.InReview || entry.status == ClaimStatus.Denied;
        if (_halted[1] || !open || review_.status != entry.status || review_.allowed > entry.line.charge) return false;
        if (review_.allowed == 0) return review_.carc != 0;
        uint256 index = entryOf[_lineKey(entry.provider, entry.line.requestId, entry.line.line)];
        if (entry.line.requestId == 0 || index == 0) return false;
        LineState storage state = entries[index - 1].state;
        if (state.shadow || state.memberKey == 0) return false;
        if (review_.carc == 45) return true;
        uint256 price =
            uint256(_ruleOf(state.version, state.benefitClass).claim.unitPrice) * entry.line.milliUnits / 1_000;
        if (price == 0 || price > entry.line.charge) price = entry.line.charge;
        return (review_.carc == 0) == (review_.allowed >= price);
    }

    function _signedReversal(OrganizationId provider, bytes32 key, uint16 reason, uint256 signer)
        private
        view
        returns (bytes memory)
    {
        bytes32 kind = keccak256("ClaimReversal(bytes12 provider,bytes32 key,uint16 reason)");
        bytes32 structHash = keccak256(abi.encode(kind, provider, key, reason));
        return _sign(stage.reviewerSecrets[signer], _digest("ClaimSettlement", structHash));
    }

    function _hash(IClaimSettlement.ClaimReview memory review_) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "ClaimReview(bytes12 provider,bytes32 key,uint8 status,uint64 allowed,uint16 carc,bytes32 rationale)"
                ),
                review_
            )
        );
    }

    // ------------------------------------------------------------------ signatures

    function _digest(string memory name, bytes32 structHash) private view returns (bytes32) {
        bool ofClaims = keccak256(bytes(name)) == keccak256("ClaimSettlement");
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(string.concat("careledger ", name))),
                keccak256("1"),
                block.chainid,
                ofClaims ? address(stage.settlement) : address(stage.authorizations)
            )
        );
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    function _sign(uint256 secret, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, s, v);
    }

    // ------------------------------------------------------------------ what nobody may

    function _forbidden(Entry storage line, OrganizationId provider) private returns (address, bytes memory) {
        LineState memory state = line.state;
        uint256 what = _pick(6);
        if (what < 2) return (address(stage.authorizations), _forbiddenDraw(line, provider, what == 0));
        if (what == 2) {
            return (
                address(stage.units),
                abi.encodeCall(stage.units.release, (state.memberKey, state.period, state.benefitClass, 1))
            );
        }
        if (what == 3) {
            IInsurerVault.Payment memory payment;
            (payment.claim, payment.provider, payment.amount) = (bytes32(_random), provider, 1);
            return
                (address(stage.vault), abi.encodeCall(stage.vault.settle, (payment, IInsurerVault.Accumulators(0, 0))));
        }
        if (what == 4) {
            return (stage.intake, abi.encodeCall(IAuthorizationIntake.cancel, (line.request, 1 << line.number)));
        }
        return (stage.desk, abi.encodeCall(stage.authorizations.markOverdue, (provider, line.request, line.number)));
    }

    function _forbiddenDraw(Entry storage line, OrganizationId provider, bool draws)
        private
        view
        returns (bytes memory)
    {
        if (!draws) {
            return abi.encodeCall(stage.authorizations.putBack, (provider, line.request, line.number, 1, 0));
        }
        uint16 day = line.state.validFrom;
        return abi.encodeCall(stage.authorizations.draw, (provider, line.request, line.number, day, 1, 0));
    }

    // ------------------------------------------------------------------ comparing

    /// @dev Every line of a request is what the events tell.
    function _compare(RequestEntry storage entry) private {
        for (uint8 number = 0; number < entry.lines; ++number) {
            _compareOf(_entry(entry.provider, entry.id, number));
        }
    }

    function _compareOf(Entry storage line) private {
        LineState memory held = stage.authorizations.lineOf(stage.providers[line.provider], line.request, line.number);
        LineState memory state = line.state;
        if (keccak256(abi.encode(held)) == keccak256(abi.encode(state))) return;
        _break(held.sequence == state.sequence ? Broken.Decision : Broken.Sequence, "a line is not what was told");
    }

    // ------------------------------------------------------------------ choices

    function _pick(uint256 count) private returns (uint256) {
        _random = uint256(keccak256(abi.encode(_random)));
        return _random % count;
    }

    function _oneIn(uint256 count) private returns (bool) {
        return _pick(count) == 0;
    }

    function _someRequest() private returns (RequestEntry storage) {
        return requests[_pick(requests.length)];
    }

    /// @dev A line that can take an act, one time of eight any; from a random place on.
    function _someLine(uint256 act) private returns (Entry storage line) {
        uint256 from = _pick(entries.length);
        line = entries[from];
        if (_oneIn(8)) return line;
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry storage one = entries[(from + i) % entries.length];
            if (_takes(one, act)) return one;
        }
    }

    function _takes(Entry storage line, uint256 act) private view returns (bool) {
        LineStatus status = line.state.status;
        bool open = line.state.appeal == AppealStatus.Open;
        if (act == 1) return _isPended(status) || _isGrant(status);
        if (act == 2) return !open && _isAppealable(line.state, uint40(block.timestamp));
        if (act == 3) return _isPended(status);
        if (act == 4) return _isGrant(status) && !open;
        if (act == 5) return open;
        if (act == 6) return _isGrant(status) && !line.state.shadow;
        if (act == 7) return _isPended(status) && line.opinion != 0;
        if (act == 8) return _takes(line, 2) && status != LineStatus.Denied;
        if (act == 9) return _takes(line, 6) && open;
        if (act == 11) return open && status != LineStatus.Denied;
        if (act == 10) return _isGrant(status) && line.drawn != 0;
        return true;
    }

    /// @dev A claim that waits, or one that was paid; one time of eight any.
    function _someClaim(bool paid) private returns (ClaimEntry storage entry) {
        uint256 from = _pick(claimed.length);
        entry = claimed[from];
        if (_oneIn(8)) return entry;
        for (uint256 i = 0; i < claimed.length; ++i) {
            ClaimEntry storage one = claimed[(from + i) % claimed.length];
            bool waits = one.status == ClaimStatus.InReview || one.status == ClaimStatus.Denied;
            if (paid ? _isPaid(one.status) : waits) return one;
        }
    }

    function _none() private pure returns (IDocumentAnchor.Document[] memory documents) {
        return documents;
    }
}
