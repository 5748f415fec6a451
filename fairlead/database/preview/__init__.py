"""What the pending migrations would do: tried on a scratch copy of the schema, and judged."""
