"""Proofs on real processes: the whole house, killed, searched and deceived."""
