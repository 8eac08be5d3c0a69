"""Whom we compare ourselves with: other programs that send the same letter to the same sink on the same machine."""
