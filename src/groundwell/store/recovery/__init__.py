"""Backup, restore, and putting database and blobs in step again."""
