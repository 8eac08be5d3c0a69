"""HTTP: the application, who may call what, problem details, pages, what stands around every request."""
