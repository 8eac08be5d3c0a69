"""REST for the administrators' web front end: a folder for each feature, `web` and `kernel` beside them."""
