"""How much faster is the default search than the published one, on the same surrogate? And how does it scale?

    python benchmarks/na_speed.py            # about a quarter of an hour on one core, most of it training and the five published searches
    python benchmarks/na_speed.py --quick    # a short training, one target

Both searches descend one surrogate of the published size and recipe (2-500x4-1, batch normalisation, ReLU) on the sine wave, on one thread, so that CPU seconds are seconds of work.
The published search takes 44 s a target: five are timed here, and the errors of 50 are read from results/published, made in 40 minutes by
    invnb_bench --preset paper --tasks sine_wave --methods neural_adjoint_paper --targets 50 --seeds 1 --workers 1 --out results/published
whose surrogate is this one: the errors of the five must agree. The trained surrogate is kept in benchmarks/runs, and used again.
"""
import argparse, subprocess, sys, time
from pathlib import Path

import torch
from invnb.all import *

here = Path(__file__).parent


def cpu(search):
    start = time.process_time()
    found = search()
    return found, time.process_time() - start


def r(error, T): return float(error[:, :T].amin(1).mean())


def peak(model, n):
    "Seconds and peak memory (MiB) of proposing 50 designs for n targets, in a fresh process"
    code = ("import sys, time, resource; from invnb.all import *\n"
            "m = load_method(sys.argv[1]); y = get_task('sine_wave').targets(int(sys.argv[2]))\n"
            "m.propose(y[:1], 50); base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "t = time.perf_counter(); c = time.process_time(); m.propose(y, 50)\n"
            "print(time.perf_counter() - t, time.process_time() - c, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)")
    return map(float, subprocess.run([sys.executable, "-c", code, str(model), str(n)], capture_output=True, text=True, check=True).stdout.split())


def main(quick, published_targets, targets, sizes, epochs):
    torch.set_num_threads(1)
    task = get_task("sine_wave")
    data, y = task.sample(10_000), task.targets(targets)
    kept = here / "runs" / f"published_{epochs}"
    if not (kept / "model.safetensors").exists():
        paper = NeuralAdjoint.paper()
        paper.surrogate.epochs = epochs
        print(f"training a surrogate of the published size, {epochs} epochs ...", flush=True)
        paper.fit(data).save(kept)
    paper = load_method(kept)
    print(f"held-out error {paper.surrogate.error:.2e} (published: 1.3e-3)", flush=True)
    fast = NeuralAdjoint(paper.surrogate).fit(data)       # the default search; its surrogate comes fitted, and stays as it is

    some, slow = cpu(lambda: paper.search(task.simulate, y[:published_targets], 50))
    slow /= published_targets
    rounds = [cpu(lambda: fast.search(task.simulate, y, 50)) for _ in range(5)]
    many, quickly = rounds[0][0].error, sorted(seconds for _, seconds in rounds)[2] / targets
    a = torch.rand(4096, 500); b = torch.rand(500, 500)
    start = time.process_time(); [a @ b for _ in range(50)]; product = (time.process_time() - start) / 50 / 4096

    theirs = some.error
    if not quick:
        theirs = read_records(here.parent / "results" / "published")[0].error
        gap = float((theirs[:published_targets, :50] / some.error - 1).abs().median())
        print(f"errors of this run against results/published, {published_targets} targets: median relative difference {gap:.1e}")
    n = len(theirs)
    print(f"\n{'':38}{'CPU s a target':>16}{'r_1':>10}{'r_10':>10}{'r_50':>10}")
    for name, seconds, errors in ((f"published search, {n} targets", slow, theirs), (f"default, the same {n} targets", quickly, many[:n]), (f"default, {targets} targets", quickly, many)):
        print(f"{name:38}{seconds:16.5f}{r(errors, 1):10.1e}{r(errors, 10):10.1e}{r(errors, 50):10.1e}")
    print(f"\nratio {slow / quickly:.0f}  (timed on {published_targets} targets published, {targets} default, median of 5)")
    print(f"matrix products alone, of 300 steps and 2048 starts: {2048 * 300 * 2 * 3 * product:.1f} CPU s a target; of the default search: {(50 * 1.26 * 3 + fast.bank / targets) * 3 * product * 1e3:.2f} ms")

    model = here / "runs" / "na_speed"
    fast.save(model)
    print(f"\n{'targets':>8}{'seconds':>10}{'CPU ms each':>13}{'peak MiB':>10}")
    rows = []
    for n in sizes:
        wall, seconds, memory = peak(model, n)
        rows.append((n, wall, seconds, memory))
        print(f"{n:8}{wall:10.2f}{1e3 * seconds / n:13.2f}{memory:10.0f}", flush=True)

    import matplotlib.pyplot as plt
    n, wall, seconds, memory = zip(*rows)
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.loglog(n, seconds, "o-", label="measured")
    left.loglog(n, [seconds[-1] * k / n[-1] for k in n], "k--", lw=1, label="proportional to targets")
    left.set(xlabel="targets", ylabel="CPU seconds, 50 designs each"); left.legend(frameon=False)
    right.semilogx(n, memory, "s-"); right.set(xlabel="targets", ylabel="peak memory of the process (MiB)", ylim=(0, None))
    fig.savefig(here / "na_speed.png", dpi=130)
    print(f"figure: {here / 'na_speed.png'}")


if __name__ == "__main__":
    args = argparse.ArgumentParser()
    args.add_argument("--quick", action="store_true", help="a short training and fewer targets")
    args = args.parse_args()
    main(args.quick, *((1, 100, (1, 10, 100, 1000), 30) if args.quick else (5, 1000, (1, 10, 100, 1000, 10_000), 500)))
