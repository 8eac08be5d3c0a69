"""Whom we compare ourselves with: other programs that send the same mail to the same sink on the same machine."""
