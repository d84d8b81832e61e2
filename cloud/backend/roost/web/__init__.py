"""The HTTP surface: one module per resource, and the built frontend."""
