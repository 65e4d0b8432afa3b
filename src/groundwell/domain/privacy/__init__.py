"""Personal data in text: found by rules and replaced by what kind it is."""

from groundwell.domain.privacy.names import names_in_profile
from groundwell.domain.privacy.scrub import find_personal_data, scrub
from groundwell.domain.privacy.spans import PersonalData, Span

__all__ = ["PersonalData", "Span", "find_personal_data", "names_in_profile", "scrub"]
