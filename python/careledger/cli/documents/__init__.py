"""The commands on documents: anchored, verified, amended, countersigned, disputed, revoked, disclosed, forgotten."""
