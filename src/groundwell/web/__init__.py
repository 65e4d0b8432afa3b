"""The HTTP toolkit that all apps share: authentication, errors, limits, streaming."""
