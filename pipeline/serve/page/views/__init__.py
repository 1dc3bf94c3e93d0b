"""The views: each shows one thing, or does what a form asks for. They know HTTP, and no statement of a database."""
