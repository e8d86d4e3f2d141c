import { createConfig } from "ponder";

import { abi } from "./src/abi";

const { BENCH_CHAIN_ID, BENCH_RPC_URL, BENCH_ADDRESS, BENCH_START_BLOCK, BENCH_END_BLOCK, BENCH_DATABASE_URL } = process.env;

// Ponder asks each of its URLs 20 times a second at first. Named often enough, the node itself is the limit.
const rpc = Array.from({ length: 32 }, (_, i) => `${BENCH_RPC_URL}?${i}`);

export default createConfig({
  database: { kind: "postgres", connectionString: BENCH_DATABASE_URL },
  chains: { local: { id: Number(BENCH_CHAIN_ID), rpc } },
  contracts: {
    EventEmitter: {
      chain: "local",
      abi,
      address: BENCH_ADDRESS as `0x${string}`,
      startBlock: Number(BENCH_START_BLOCK),
      endBlock: Number(BENCH_END_BLOCK),
    },
  },
});
