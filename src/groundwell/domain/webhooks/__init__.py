"""Webhooks: which addresses may be called, and how a call is signed."""
