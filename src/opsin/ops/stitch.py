"""Pictures made of several pictures that belong together."""
