"""What PerDesign adds to a call: `python benchmarks/per_design.py` prints microseconds a design, for a function that does next to nothing.

Here, in a process of its own (with `limit`), and with a cache in a file; each as the median of seven rounds of 2,000 designs."""
import statistics
import tempfile
import time
from pathlib import Path

import torch

from invnb.tasks.per_design import PerDesign, SimulationCache


def total(x): return [sum(x)]


def microseconds(simulate, designs):
    "Each round has designs of its own, so that no cache knows them"
    rounds = []
    for x in designs:
        begin = time.perf_counter()
        simulate(x)
        rounds.append((time.perf_counter() - begin) / len(x) * 1e6)
    return statistics.median(rounds)


if __name__ == "__main__":
    torch.set_num_threads(1)
    designs = torch.rand(7, 2000, 4, dtype=torch.float64)
    plain = microseconds(lambda x: [total(row) for row in x.tolist()], designs)
    with tempfile.TemporaryDirectory() as folder:
        cache = SimulationCache(Path(folder) / "cache.sqlite", "total")
        kinds = {"here": PerDesign(total, dy=1), "in a process of its own": PerDesign(total, dy=1, limit=60),
                 "here, with a cache": PerDesign(total, dy=1, cache=cache)}
        print(f"the function itself: {plain:.1f} microseconds a design")
        for name, simulate in kinds.items():
            simulate(designs[0, :2] + 1)                          # processes start here
            print(f"{name}: {microseconds(simulate, designs) - plain:.0f} more")
