"""How much faster is the default search than the published one, and which of the two parts, surrogate or search, makes the designs better?

    python benchmarks/na_speed.py            # about half an hour on one core, most of it one training and the published searches
    python benchmarks/na_speed.py --quick    # a short training, few targets

Three surrogates learn from the same 10,000 rows of the sine wave: a network of the published size and recipe (2-500x4-1, batch normalisation, ReLU), this package's network, and the default, which here is a Gaussian process.
On the published one both searches run, the published search (2,048 starts, 300 steps of Adam) and the default one; on the others the default one. Each row names its surrogate.

Speed is measured on the published surrogate, on one thread, in CPU seconds, and beside it the default search on the default surrogate. The published search takes one target after the other, so its time for a target does not depend on their number;
the default search takes many at once, so it is timed for 1, 10, 100 and 1,000 targets. The two are timed in turn: after each published target comes one round of the default search.
The surrogates are kept in benchmarks/runs, and used again.
"""
import argparse, os, subprocess, sys, time
from importlib.resources import files
from pathlib import Path

import pandas as pd
import torch
from invnb.core import no_bars
from invnb.methods.method import load_method
from invnb.methods.descent import AdamSearch
from invnb.methods.network import AnySurrogate, Network
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.surrogate import Surrogate
from invnb.tasks.task import get_task

here, budget = Path(__file__).parent, 50


def cpu(search):
    "What a search found, and the CPU seconds that it took"
    start = time.process_time()
    found = search()
    return found, time.process_time() - start


def trained(name, surrogate, data):
    "The fitted surrogate kept under this name, or this one, fitted and kept"
    folder = here / "runs" / name
    if not (folder / "model.safetensors").exists():
        _, seconds = cpu(lambda: surrogate.fit(data).save(folder))
        print(f"{name} surrogate trained in {seconds:.0f} CPU s", flush=True)
    return AnySurrogate.load(folder)


def peak(model, n):
    "CPU seconds and peak memory (MiB) of proposing 50 designs for n targets, in a fresh process of one thread"
    code = ("import sys, time, resource; from invnb.methods.method import load_method; from invnb.tasks.task import get_task\n"
            "m = load_method(sys.argv[1]); y = get_task('sine_wave').targets(int(sys.argv[2])); m.propose(y[:1], 50)\n"
            "t = time.process_time(); m.propose(y, 50)\n"
            "print(time.process_time() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)")
    done = subprocess.run([sys.executable, "-c", code, str(model), str(n)], env=dict(os.environ, OMP_NUM_THREADS="1"), capture_output=True, text=True, check=True)
    return map(float, done.stdout.split())


def r(error, T): return float(error[:, :T].amin(1).mean())


def main(slow_targets, targets, sizes, epochs):
    torch.set_num_threads(1)
    pd.set_option("display.width", 200)
    load = [os.getloadavg()[0]]
    task = get_task("sine_wave")
    data, y = task.sample(10_000), task.targets(targets)
    theirs = Network.paper()
    theirs.epochs = epochs
    surrogates = dict(published=trained(f"published_{epochs}", theirs, data), network=trained("network", Network(), data), default=trained("default", Surrogate(), data))
    slow = {name: NeuralAdjoint(surrogates[name], AdamSearch(), starts="uniform", n_starts=2048, apart=0.).fit(data) for name in ("published",)}
    fast = {name: NeuralAdjoint(s).fit(data) for name, s in surrogates.items()}                # surrogates that come fitted stay as they are
    assert all(torch.equal(a, b) for a, b in zip(slow["published"].net.surrogate.state_dict().values(), fast["published"].net.surrogate.state_dict().values()))

    seconds, errors = [], []
    for method in fast.values(): method.search(task.simulate, y[:100], budget)                 # the first call is slower
    for i in range(slow_targets):
        found, one = cpu(lambda: slow["published"].search(task.simulate, y[i:i+1], budget))
        default = lambda name: {(name, n): cpu(lambda: fast[name].search(task.simulate, y[:n], budget))[1] / n for n in sizes}
        seconds.append({"published": one, **default("published"), **default("default")})
        errors.append(found.error)
        print(f"target {i+1} of {slow_targets}: published {one:.1f} CPU s; default, a target, " + ", ".join(f"{seconds[-1]['published', n]*1e3:.1f} ms for {n}" for n in sizes), flush=True)
    load.append(os.getloadavg()[0])

    timed = pd.DataFrame(seconds)
    table = {}
    for name in ("published", "default"):
        own = pd.DataFrame({n: timed[name, n] for n in sizes})
        faster = timed[["published"]].values / own
        table[name] = pd.DataFrame({"published search, CPU s a target": timed["published"].median(), "default search": own.median(), "times faster": faster.median(), "slowest round": faster.min(), "fastest round": faster.max()})
        print(f"\nSpeed: the published search on the published surrogate, the default search on the {name} one, 50 designs a target; medians of {slow_targets} rounds in turn\n{table[name].rename_axis('targets at once').round(4).to_string()}")
    speed = table["published"]
    print(f"load average {min(load):.1f} to {max(load):.1f} on {os.cpu_count()} cores" + (": other work was running, so the seconds are too high; the ratios compare searches that ran in turn" if max(load) > 1.5 else ": one job at a time"))
    a, b = torch.rand(4096, 500), torch.rand(500, 500)
    _, product = cpu(lambda: [a @ b for _ in range(50)])
    product /= 50 * 4096                                                                       # of one row with one layer
    print(f"matrix products alone: {2048 * 300 * 2 * 3 * product:.1f} CPU s a target for the published search (2,048 starts, 300 steps, there and back)")

    paper = pd.read_csv(files("invnb") / "data" / "paper_r_T.csv", keep_default_na=False)
    paper = paper[(paper.task == "sine_wave") & (paper.method == "NA")].set_index("T")["r_T"].astype(float)
    first = {("published", "published"): torch.cat(errors)}
    everything = {(name, "default"): fast[name].search(task.simulate, y, budget).error for name in surrogates}
    found = [*first.items(), *((names, e[:slow_targets]) for names, e in everything.items()), *everything.items()]
    rows = [("Ren et al. 2020", "", 500, *(paper[T] for T in (1, 10, 50))), *((*names, len(e), *(r(e, T) for T in (1, 10, 50))) for names, e in found)]
    print("\nAccuracy: which part makes it?")
    print(pd.DataFrame(rows, columns=["surrogate", "search", "targets", "r_1", "r_10", "r_50"]).to_string(index=False, float_format="{:.1e}".format))
    print("held-out error of the surrogates: " + ", ".join(f"{name} {s.error:.1e}" for name, s in surrogates.items()) + "; of the published networks 1.3e-3")

    model = here / "runs" / "na_speed"
    fast["published"].save(model)
    scale = pd.DataFrame([(n, *peak(model, n)) for n in (*sizes, *([] if epochs < 500 else [10_000]))], columns=["targets", "CPU s", "peak MiB"]).set_index("targets")
    print(f"\nThe default search alone, 50 designs a target, in fresh processes\n{scale.round(2).to_string()}")
    draw(speed, scale)


def draw(speed, scale):
    "CPU seconds a target of both searches, and the memory of the default one"
    import matplotlib.pyplot as plt
    fig, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6), height_ratios=(2, 1), sharex=True, layout="constrained")
    n, default, published = speed.index, speed["default search"], speed["published search, CPU s a target"].iloc[0]
    top.axhline(published, color="k", ls="--", label="published search")
    top.loglog(n, default, "C0o-", label="default search")
    for k, seconds in default.items():
        top.plot([k, k], [seconds, published], color=".7", lw=1, zorder=0)
        top.annotate(f"{speed.loc[k, 'times faster']:,.0f} times", (k, (seconds * published)**.5), (5, 0), textcoords="offset points")
    top.set(ylabel="CPU seconds a target", xlim=(.7, 2e4))
    top.legend(frameon=False, loc="lower left")
    bottom.semilogx(scale.index, scale["peak MiB"], "C0s-")
    bottom.set(xlabel="targets at once", ylabel="peak memory\nof the process (MiB)", ylim=(0, None))
    fig.savefig(here / "na_speed.png", dpi=130)
    print(f"figure: {here / 'na_speed.png'}")


if __name__ == "__main__":
    args = argparse.ArgumentParser()
    args.add_argument("--quick", action="store_true", help="a short training and fewer targets")
    quick = args.parse_args().quick
    with no_bars(): main(*((1, 100, (1, 10, 100), 30) if quick else (8, 1000, (1, 10, 100, 1000), 500)))
