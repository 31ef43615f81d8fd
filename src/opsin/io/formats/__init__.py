"""One module a format: `walk` reads the header, `pixels` decodes, `pack` encodes."""
