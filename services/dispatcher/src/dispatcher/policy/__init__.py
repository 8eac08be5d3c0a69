"""How each carrier is to be treated and what its replies mean: carriers.yaml, read, checked and asked."""
