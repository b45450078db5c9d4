"""How long does one spectrum of the tasks Stack, Shell and meta-material take?

    python benchmarks/tasks_speed.py               # one thread
    python benchmarks/tasks_speed.py --threads 2

1000 random designs at a time, as milliseconds a spectrum, the median and the best of several repeats; then the memory of 10,000 designs.
"""
import argparse, resource, statistics, time

import torch
from invnb.core import stream
from invnb.tasks.task import get_task


def milliseconds(task, x):
    "Time of one call, for each design"
    start = time.perf_counter()
    task.simulate(x)
    return (time.perf_counter() - start)/len(x)*1000


def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024      # MiB, on Linux


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, threads: {args.threads}, 1000 designs a call")
    for name in ("stack", "shell", "metamaterial"):
        task = get_task(name)
        x = task.prior(1000, stream("speed", name))
        task.simulate(x[:100])
        times = [milliseconds(task, x) for _ in range(args.repeats)]
        before = peak()
        task.simulate(x.repeat(10, 1))
        print(f"{name}: {statistics.median(times):.3f} ms a spectrum (best {min(times):.3f}); 10,000 designs need {peak() - before:.0f} MiB more than 1000, their spectra among it")
