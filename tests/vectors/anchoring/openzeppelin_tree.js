// Answers one JSON request on standard input, by @openzeppelin/merkle-tree and merkletreejs.
//   {"build": [leaf, ...]}                                   -> {"root", "proofs"}
//   {"verify": [{"root", "index", "leaf", "proof"}, ...]}    -> [true or false by OpenZeppelin, ...]
//   {"pairs": [{"root", "node", "proof"}, ...]}              -> [true or false by merkletreejs, ...]
//   {"root": [node, ...]}                                    -> root by merkletreejs, nodes already hashed
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const { MerkleTree } = require("merkletreejs");
const keccak = require("keccak");
const { readFileSync } = require("node:fs");

const TYPES = ["uint256", "bytes32"];
const hash = (data) => keccak("keccak256").update(data).digest();
const bytes = (hex) => Buffer.from(hex.slice(2), "hex");

function answer(request) {
  if (request.build) {
    const tree = StandardMerkleTree.of(request.build.map((leaf, index) => [index, leaf]), TYPES, { sortLeaves: false });
    return { root: tree.root, proofs: request.build.map((_, index) => tree.getProof(index)) };
  }
  if (request.verify) {
    return request.verify.map(({ root, index, leaf, proof }) =>
      StandardMerkleTree.verify(root, TYPES, [index, leaf], proof),
    );
  }
  if (request.pairs) {
    return request.pairs.map(({ root, node, proof }) =>
      MerkleTree.verify(proof.map(bytes), bytes(node), bytes(root), hash, { sortPairs: true }),
    );
  }
  return new MerkleTree(request.root.map(bytes), hash, { sortPairs: true }).getHexRoot();
}

process.stdout.write(JSON.stringify(answer(JSON.parse(readFileSync(0, "utf8")))));
