"""How long the tests of failures and attacks run, and what their dice start from.

Nobody else reads these variables: `GROUNDWELL_LONG` is on when it is 1, and else off.
"""

from __future__ import annotations

import os

SEED = int(os.environ.get("GROUNDWELL_TEST_SEED", "7"))
IS_LONG = os.environ.get("GROUNDWELL_LONG") == "1"
