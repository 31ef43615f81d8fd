"""Speed on this machine: six pipelines through the public API and through peers, as ratios in one interleaved run."""

from opsin.surfaces.bench.measure import Result, measure
from opsin.surfaces.bench.peers import PEERS
from opsin.surfaces.bench.pipelines import PIPELINES

__all__ = ["PEERS", "PIPELINES", "Result", "measure"]
