"""Proofs on real processes: the whole system, killed, searched and deceived."""
