"""PyJwtVerifier: JSON Web Tokens, checked with PyJWT."""

from groundwell.adapters.token_verifier.pyjwt.key_server import KeyServer
from groundwell.adapters.token_verifier.pyjwt.keys import KeyFile, KeySource
from groundwell.adapters.token_verifier.pyjwt.verifier import ClaimRules, PyJwtVerifier

__all__ = ["ClaimRules", "KeyFile", "KeyServer", "KeySource", "PyJwtVerifier"]
