// Prints the EIP-712 digest of the typed data on standard input, by ethers' own implementation.
const { _TypedDataEncoder } = require("@ethersproject/hash");

const { domain, types, message } = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(_TypedDataEncoder.hash(domain, types, message));
