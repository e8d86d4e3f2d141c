// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ContainerId} from "../../../contracts/serialization/ContainerId.sol";
import {ICustody} from "../../../contracts/serialization/ICustody.sol";
import {ILotRegistry} from "../../../contracts/serialization/ILotRegistry.sol";
import {LotId} from "../../../contracts/serialization/LotId.sol";
import {LotTerms} from "../../../contracts/serialization/LotTerms.sol";
import {UnitTree} from "../../../contracts/serialization/UnitTree.sol";

import {SerializationFixture} from "./SerializationFixture.sol";
import {UnitTrees} from "./UnitTrees.sol";

/// @notice Calls the library as the register of lots does.
contract UnitTreeCaller {
    function leafOf(LotId lot, uint256 index, bytes32 inner) external view returns (bytes32) {
        return UnitTree.leafOf(lot, index, inner);
    }

    function rootOf(bytes32 leaf, uint256 position, bytes32[] calldata proof) external pure returns (bytes32) {
        return UnitTree.rootOf(leaf, position, proof);
    }

    function rootOfMany(bytes32[] memory leaves, uint256[] memory positions, uint256 depth, bytes32[] calldata proof)
        external
        pure
        returns (bytes32)
    {
        return UnitTree.rootOfMany(leaves, positions, depth, proof);
    }
}

/// @notice Proofs of units, true and forged, by the library and by the register; and units that are taken out of their
/// containers, level by level.
contract UnitTreeTest is SerializationFixture {
    uint256 private constant MOST_LEVELS = 6;
    bytes32 private constant PRODUCT = "gtin:00300010000018";
    bytes32 private constant LOT_REFERENCE = "lot reference";

    struct Several {
        uint256[] indices;
        uint256[] positions;
        bytes32[] inners;
        bytes32[] leaves;
        bytes32[] proof;
    }

    UnitTreeCaller internal caller;
    LotId internal lot;

    function setUp() public override {
        super.setUp();
        caller = new UnitTreeCaller();
        vm.prank(registrar);
        stage.lots.assignProduct(PRODUCT, stage.members[0], true);
    }

    // ------------------------------------------------------------------ one unit

    function testFuzz_proof_leads_to_the_root_from_its_own_place_only(uint256 levels, uint256 place, uint256 other)
        external
    {
        bytes32[] memory nodes;
        (nodes, levels) = _commission(levels);
        (place, other) = (place % (1 << levels), other % (1 << levels));
        bytes32 leaf = nodes[(1 << levels) + place];
        bytes32[] memory proof = UnitTrees.proof(nodes, (1 << levels) + place);
        assertEq(caller.rootOf(leaf, place, proof), nodes[1]);
        assertEq(caller.rootOf(leaf, other, proof) == nodes[1], place == other);
        assertTrue(_finds(_pack(nodes, place), ILotRegistry.PackFinding.Verified));
        ILotRegistry.Pack memory pack = _pack(nodes, place);
        pack.index = other;
        assertEq(_finds(pack, ILotRegistry.PackFinding.NoMatchSerial), place != other);
    }

    /// @dev In the register's own place, and nowhere else.
    function testFuzz_leaf_is_that_of_its_lot_number_and_register(bytes12 id, uint256 index, bytes32 inner) external {
        LotId any = LotId.wrap(id);
        bytes32 leaf = caller.leafOf(any, index, inner);
        assertEq(leaf, UnitTrees.leafOf(address(caller), any, index, inner));
        assertNotEq(leaf, new UnitTreeCaller().leafOf(any, index, inner));
        vm.chainId(block.chainid + 1);
        assertNotEq(leaf, caller.leafOf(any, index, inner));
    }

    /// @dev By the library alone a node leads to the root from its own place: it is the register that asks for as many
    /// hashes as the tree has levels, and hashes what is shown.
    function testFuzz_ancestor_is_no_unit(uint256 levels, uint256 node, uint256 index) external {
        bytes32[] memory nodes;
        (nodes, levels) = _commission(levels);
        node = 1 + node % ((2 << levels) - 1);
        bytes32[] memory proof = UnitTrees.proof(nodes, node);
        uint256 height = levels - proof.length;
        assertEq(caller.rootOf(nodes[node], node - (1 << proof.length), proof), nodes[1]);
        ILotRegistry.Pack memory pack = _pack(nodes, index % (1 << levels));
        (pack.inner, pack.proof) = (nodes[node], proof);
        _assertRefused(pack);
        pack.index = (node << height) - (1 << levels);
        _assertRefused(pack);
        pack.proof = _padded(proof, levels);
        _assertRefused(pack);
    }

    function testFuzz_proof_of_another_depth_is_refused(uint256 levels, uint256 place, uint256 length, bytes32 filling)
        external
    {
        bytes32[] memory nodes;
        (nodes, levels) = _commission(levels);
        length = length % (2 * MOST_LEVELS);
        vm.assume(length != levels);
        ILotRegistry.Pack memory pack = _pack(nodes, place % (1 << levels));
        bytes32[] memory proof = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            proof[i] = i < levels ? pack.proof[i] : filling;
        }
        pack.proof = proof;
        _assertRefused(pack);
    }

    function testFuzz_proof_with_a_changed_bit_at_any_level_is_refused(uint256 levels, uint256 place, uint256 bits)
        external
    {
        bytes32[] memory nodes;
        (nodes, levels) = _commission(1 + levels % MOST_LEVELS);
        ILotRegistry.Pack memory pack = _pack(nodes, place % (1 << levels));
        for (uint256 level = 0; level < levels; ++level) {
            bytes32 held = pack.proof[level];
            pack.proof[level] = held ^ bytes32(1 << (bits >> (8 * level) & 255));
            _assertRefused(pack);
            pack.proof[level] = held;
        }
        pack.inner ^= bytes32(1 << (bits >> 248));
        _assertRefused(pack);
    }

    /// @dev A number past the tree is in a tranche that there is not, whatever its lower bits are.
    function testFuzz_number_beyond_the_tree_is_no_unit(uint256 levels, uint256 place, uint256 beyond) external {
        bytes32[] memory nodes;
        (nodes, levels) = _commission(levels);
        ILotRegistry.Pack memory pack = _pack(nodes, place % (1 << levels));
        beyond = bound(beyond, 1, type(uint256).max >> levels);
        pack.index |= beyond << levels;
        _assertRefused(pack);
    }

    // ------------------------------------------------------------------ several

    function testFuzz_proof_of_several_says_what_their_own_say(uint256 levels, uint256 chosen) external {
        bytes32[] memory nodes;
        (nodes, levels) = _commission(levels);
        Several memory several = _several(nodes, levels, chosen);
        for (uint256 i = 0; i < several.indices.length; ++i) {
            uint256 node = (1 << levels) + several.indices[i];
            assertEq(caller.rootOf(nodes[node], several.indices[i], UnitTrees.proof(nodes, node)), nodes[1]);
        }
        assertEq(caller.rootOfMany(several.leaves, several.positions, levels, several.proof), nodes[1]);
        if (several.indices.length > 1) return;
        assertEq(abi.encode(several.proof), abi.encode(UnitTrees.proof(nodes, (1 << levels) + several.indices[0])));
    }

    /// @param what Which of all that is shown is changed.
    function testFuzz_proof_of_several_with_anything_changed_is_refused(
        uint256 levels,
        uint256 chosen,
        uint256 what,
        uint256 change
    ) external {
        bytes32[] memory nodes;
        (nodes, levels) = _commission(levels);
        Several memory several = _several(nodes, levels, chosen);
        uint256 count = several.indices.length;
        uint256 other = change % (1 << levels);
        uint256 kind = what % 5;
        what /= 5;
        if (kind == 0) {
            several.inners[what % count] ^= bytes32(1 << change % 256);
        } else if (kind == 1 && several.proof.length != 0) {
            several.proof[what % several.proof.length] ^= bytes32(1 << change % 256);
        } else if (kind == 2 && several.proof.length != 0) {
            several.proof = _padded(several.proof, several.proof.length - 1);
        } else if (kind == 3) {
            several.proof = _padded(several.proof, several.proof.length + 1 + change % 3);
        } else {
            if (several.indices[what % count] == other) return;
            several.indices[what % count] = other;
        }
        vm.prank(stage.keys[4]);
        vm.expectPartialRevert(ILotRegistry.LotRegistryInvalidProof.selector);
        stage.lots.dispenseMany(lot, ContainerId.wrap(0), several.indices, several.inners, several.proof);
    }

    // ------------------------------------------------------------------ through removed bits

    /// @dev A pallet of cases of cases. A unit is taken out at a level, its case at a level above before or after it: it
    /// is in none of what it was in.
    function testFuzz_unit_that_was_taken_out_is_in_nothing_above(uint256 place, uint256 level, bool caseAfter)
        external
    {
        _commission(4);
        place = place % 16;
        level = level % 3;
        ContainerId[] memory above = new ContainerId[](3);
        vm.startPrank(stage.keys[0]);
        above[0] = stage.custody.packRange("pallet", lot, 0, 16, 4);
        if (level > 0) above[1] = _takeCase(above[0], place / 4, 2);
        if (level > 1) above[2] = _takeCase(above[1], place % 4 / 2, 0);
        _takeUnit(place, above[level]);
        if (caseAfter && level == 0) above[1] = _takeCase(above[0], place / 4, 2);
        if (caseAfter && level < 2) above[2] = _takeCase(above[1], place % 4 / 2, 0);
        assertTrue(_isIn(place, ContainerId.wrap(0)));
        for (uint256 i = 0; i < 3; ++i) {
            if (above[i].isNoContainer()) continue;
            assertFalse(_isIn(place, above[i]));
            _expectNotIn(place, above[i]);
            stage.custody.unpackUnits(_unit(place, above[i]));
            uint256 neighbour = place ^ 1;
            uint256 holders = 0;
            for (uint256 k = 0; k < 3; ++k) {
                if (!above[k].isNoContainer() && _isIn(neighbour, above[k])) ++holders;
            }
            assertEq(holders, 1, "its neighbour is in one");
        }
    }

    // ------------------------------------------------------------------ parts

    function _commission(uint256 levels) private returns (bytes32[] memory nodes, uint256) {
        levels = levels % (MOST_LEVELS + 1);
        bytes32 tag = keccak256("careledger.serialization.lot.v1");
        lot = LotId.wrap(bytes12(keccak256(abi.encode(tag, stage.members[0], LOT_REFERENCE))));
        nodes = UnitTrees.build(address(stage.lots), lot, 0, levels);
        uint256 expiry = block.timestamp / 1 days + 100;
        vm.prank(stage.keys[0]);
        stage.lots.commission(LOT_REFERENCE, LotTerms.wrap(expiry | levels << 16), nodes[1]);
        return (nodes, levels);
    }

    function _pack(bytes32[] memory nodes, uint256 place) private view returns (ILotRegistry.Pack memory) {
        return ILotRegistry.Pack({
            product: PRODUCT,
            maker: stage.members[0],
            lotReference: LOT_REFERENCE,
            expiryDay: uint16(block.timestamp / 1 days + 100),
            index: place,
            inner: UnitTrees.innerOf(lot, place),
            proof: UnitTrees.proof(nodes, nodes.length / 2 + place),
            container: ContainerId.wrap(0)
        });
    }

    /// @param chosen Bit n: unit n is shown.
    function _several(bytes32[] memory nodes, uint256 levels, uint256 chosen)
        private
        view
        returns (Several memory several)
    {
        uint256 size = 1 << levels;
        chosen &= (1 << size) - 1;
        if (chosen == 0) chosen = 1;
        bool[] memory known = new bool[](2 * size);
        uint256 count = 0;
        for (uint256 place = 0; place < size; ++place) {
            known[size + place] = chosen >> place & 1 == 1;
            if (known[size + place]) ++count;
        }
        (several.indices, several.positions) = (new uint256[](count), new uint256[](count));
        (several.inners, several.leaves) = (new bytes32[](count), new bytes32[](count));
        for (uint256 place = size; count > 0;) {
            if (!known[size + --place]) continue;
            (several.indices[--count], several.positions[count]) = (place, place);
            (several.inners[count], several.leaves[count]) = (UnitTrees.innerOf(lot, place), nodes[size + place]);
        }
        several.proof = UnitTrees.multiproof(nodes, known);
    }

    function _padded(bytes32[] memory proof, uint256 length) private pure returns (bytes32[] memory padded) {
        padded = new bytes32[](length);
        for (uint256 i = 0; i < length && i < proof.length; ++i) {
            padded[i] = proof[i];
        }
    }

    function _finds(ILotRegistry.Pack memory pack, ILotRegistry.PackFinding finding) private view returns (bool) {
        return stage.lots.verify(pack).finding == finding;
    }

    /// @dev By who asks, and by who dispenses.
    function _assertRefused(ILotRegistry.Pack memory pack) private {
        assertTrue(_finds(pack, ILotRegistry.PackFinding.NoMatchSerial));
        vm.prank(stage.keys[4]);
        vm.expectRevert(abi.encodeWithSelector(ILotRegistry.LotRegistryInvalidProof.selector, lot, pack.index));
        stage.lots.dispense(lot, pack.index, pack.container, pack.inner, pack.proof);
    }

    function _takeCase(ContainerId parent, uint256 number, uint8 cases) private returns (ContainerId) {
        bytes32[] memory containerReferences = new bytes32[](1);
        containerReferences[0] = keccak256(abi.encode(parent, number));
        uint8[] memory numbers = new uint8[](1);
        numbers[0] = uint8(number);
        stage.custody.unpackCases(parent, containerReferences, numbers, cases);
        bytes32 tag = keccak256("careledger.serialization.container.v1");
        return ContainerId.wrap(bytes12(keccak256(abi.encode(tag, stage.members[0], containerReferences[0]))));
    }

    function _takeUnit(uint256 index, ContainerId container) private {
        stage.custody.unpackUnits(_unit(index, container));
    }

    function _unit(uint256 index, ContainerId container) private view returns (ICustody.Unit[] memory units) {
        units = new ICustody.Unit[](1);
        units[0] = ICustody.Unit(lot, index, container);
    }

    function _isIn(uint256 index, ContainerId container) private view returns (bool) {
        (, ICustody.Container memory found) = stage.custody.find(lot, index, container);
        return found.state != ICustody.ContainerState.Unknown;
    }

    function _expectNotIn(uint256 index, ContainerId container) private {
        vm.expectRevert(abi.encodeWithSelector(ICustody.CustodyNotInContainer.selector, lot, index, container));
    }
}
