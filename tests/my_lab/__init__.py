"""A small lab outside of the package: what adding something costs. Each file is all that its method needs."""
