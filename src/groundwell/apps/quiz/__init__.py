"""Questions to learn from, made of the caller's own documents."""
