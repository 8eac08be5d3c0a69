"""`renrakumo`: the operator's command line."""
