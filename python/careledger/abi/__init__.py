"""Generated: the ABI and bytecode of each contract, one JSON file each."""
