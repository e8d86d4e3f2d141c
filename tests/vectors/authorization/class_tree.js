// Answers one JSON request on standard input, by @openzeppelin/merkle-tree with its leaves sorted.
//   {"build": [[system, code, class], ...]}                  -> {"root", "proofs"}
//   {"verify": [{"root", "entry", "proof"}, ...]}            -> [true or false, ...]
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const { readFileSync } = require("node:fs");

const TYPES = ["string", "string", "uint16"];

function answer(request) {
  if (request.build) {
    const tree = StandardMerkleTree.of(request.build, TYPES);
    return { root: tree.root, proofs: request.build.map((entry) => tree.getProof(entry)) };
  }
  return request.verify.map(({ root, entry, proof }) => StandardMerkleTree.verify(root, TYPES, entry, proof));
}

process.stdout.write(JSON.stringify(answer(JSON.parse(readFileSync(0, "utf8")))));
