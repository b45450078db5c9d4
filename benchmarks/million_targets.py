"""A million targets of the robotic arm on all cores: throughput beside the arithmetic limit, and peak memory.

    python benchmarks/million_targets.py [targets]
"""
import resource, sys, tempfile, time
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from invnb.core import no_bars
from invnb.use.many_targets import propose_to_file
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.surrogate import Surrogate
from invnb.tasks.task import get_task

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def matrix_speed(rows, width, seconds=2.):
    "Floating point operations a second of (rows, width) @ (width, width), the product that a hidden layer needs"
    a, b = torch.rand(rows, width), torch.rand(width, width)
    for _ in range(3): a @ b
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds: a @ b; count += 1
    return 2 * rows * width**2 * count / (time.perf_counter() - start)


def main(N):
    task = get_task("robotic_arm")
    method = NeuralAdjoint(Surrogate(calls=10 * N)).fit(task.sample(10_000, 0), progress=False)
    print(f"surrogate for {10 * N:,} calls: {method.surrogate.why}")
    targets = task.targets(N, 7)
    print(f"{N} targets, {torch.get_num_threads()} threads; peak memory before: {peak():.0f} MiB")
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as counter, no_bars(): method.propose(targets[:10_000], 1)
    flops = sum(event.flops for event in counter.key_averages()) / 10_000
    before = matrix_speed(method.chunk, 128)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        x = propose_to_file(method, targets, Path(folder) / "x.npy", progress=sys.stderr.isatty())
        seconds = time.perf_counter() - start
        after = matrix_speed(method.chunk, 128)
        sample = torch.randperm(N, generator=torch.Generator().manual_seed(0))[:20_000]
        error = (task.simulate(torch.tensor(np.array(x[sample.numpy()])[:, 0])) - targets[sample]).square().mean(1)
    speed = (before + after) / 2
    print(f"{seconds:.1f} s, {N / seconds:.0f} targets a second; peak memory {peak():.0f} MiB")
    print(f"a target takes {flops / 1e6:.2f} million floating point operations in matrix products; a product ({method.chunk}, 128) @ (128, 128) runs at {speed / 1e9:.0f} billion a second")
    print(f"arithmetic limit {speed / flops:.0f} targets a second: this is {N / seconds * flops / speed:.0%} of it")
    print(f"re-simulation error of 20,000 of them: mean {error.mean():.1e}, median {error.median():.1e}")


if __name__ == "__main__": main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
