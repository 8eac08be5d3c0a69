"""One attempt at a batch: claimed, rendered, recorded copy by copy, settled, and when it is made again."""
