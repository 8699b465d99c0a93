"""Fine-tunes an open model to judge its own drafts by one question: see README.md."""
import os
import sys
from pathlib import Path

# The exporter and the small models are those of the test fixtures, whose modules are in no package.
sys.path.append(str(Path(__file__).resolve().parents[1] / "fixtures"))
# TRL reports each run to the Hub unless it is told not to.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
