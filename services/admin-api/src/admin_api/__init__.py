"""The office: REST for the administrators' web front end."""
