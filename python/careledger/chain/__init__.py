"""What talks to the chain: connection, nodes, signers, artifacts and deployment."""
