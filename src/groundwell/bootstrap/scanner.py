"""The malware scanner, if the settings name one."""

from __future__ import annotations

from groundwell.adapters.malware_scanner.clamd import ClamdScanner
from groundwell.adapters.metrics.providers import ObservedMalwareScanner
from groundwell.domain.circuit_breaker import Circuits
from groundwell.ports.malware_scanner import MalwareScanner
from groundwell.ports.metrics import Metrics
from groundwell.settings import Settings


def make_malware_scanner(settings: Settings) -> ClamdScanner | None:
    """The daemon at the set address. Raises StartupError for an address that is none."""
    return None if settings.malware_scanner is None else ClamdScanner(settings.malware_scanner)


def open_malware_scanner(
    settings: Settings, circuits: Circuits, metrics: Metrics
) -> MalwareScanner | None:
    """The same, with its circuit watched and its calls counted."""
    scanner = make_malware_scanner(settings)
    if scanner is None:
        return None
    circuits.watch(scanner.circuit)
    return ObservedMalwareScanner(scanner, metrics)
