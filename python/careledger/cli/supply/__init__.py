"""The commands of the supply chain: its contracts, lots, packs, containers, handover, recall, cold chain, payment."""
