export const abi = [
  {
    type: "event",
    name: "TaskCounted",
    inputs: [
      { name: "task", type: "bytes32", indexed: true },
      { name: "organization", type: "bytes12", indexed: true },
      { name: "finished", type: "uint256", indexed: false },
    ],
  },
] as const;
