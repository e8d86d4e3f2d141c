// Builds a Merkle tree of the document leaves in a file (32 bytes each), then makes proofs: with @openzeppelin/merkle-tree
// or with merkletreejs and native keccak. Prints what it took of its own process, and the root.
//   node bench/peers/merkle_js.js openzeppelin|merkletreejs FILE PROOFS
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const { MerkleTree } = require("merkletreejs");
const keccak = require("keccak");
const { readFileSync } = require("node:fs");

const WORD = 32;
const hash = (data) => keccak("keccak256").update(data).digest();

function batchLeaf(leaf, index) {
  const value = Buffer.alloc(2 * WORD);
  value.writeUInt32BE(index, WORD - 4);
  leaf.copy(value, WORD);
  return hash(hash(value));
}

const libraries = {
  openzeppelin(leaves) {
    const values = leaves.map((leaf, index) => [index, "0x" + leaf.toString("hex")]);
    return () => {
      const tree = StandardMerkleTree.of(values, ["uint256", "bytes32"], { sortLeaves: false });
      return { root: tree.root, prove: (index) => tree.getProof(index) };
    };
  },
  merkletreejs(leaves) {
    return () => {
      const nodes = leaves.map(batchLeaf);
      const tree = new MerkleTree(nodes, hash, { sortPairs: true });
      return { root: tree.getHexRoot(), prove: (index) => tree.getProof(nodes[index], index) };
    };
  },
};

function cpuSeconds(run) {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1e6, result];
}

const [library, file, proofs] = process.argv.slice(2);
const content = readFileSync(file);
const leaves = Array.from({ length: content.length / WORD }, (_, i) => content.subarray(i * WORD, (i + 1) * WORD));
const [build, tree] = cpuSeconds(libraries[library](leaves));
const [proving, siblings] = cpuSeconds(() => {
  let total = 0;
  for (let index = 0; index < Number(proofs); index++) total += tree.prove(index).length;
  return total;
});
const peakMegabytes = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ build, proving, siblings, root: tree.root, peakMegabytes }));
