"""What people touch: derived from the specs, imported by nothing below."""
