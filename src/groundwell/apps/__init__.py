"""What users get: one folder each, none of which knows another."""
