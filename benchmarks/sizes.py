"""What large tables cost: CPU seconds and peak memory of a neural adjoint from the table to its candidates.

    python benchmarks/sizes.py                    # 100 x (8 + 300) by the command, then tables that grow: minutes
    python benchmarks/sizes.py 100000 60 2000     # rows, columns of a design, columns of a measurement: one table

Each table runs in a process of its own, so that its peak memory is its own. The truth is a smooth random function, float32 as a user's array may be: 60 waves of the design, mixed into as many measured columns as are wanted.
"before" is the peak when the table is in memory and nothing has been learned, "peak" that after ten candidates for each of ten targets; memory is bounded where their difference does not grow with the number of cells of the table.
"""
import resource, subprocess, sys, tempfile, time
from pathlib import Path

import numpy as np
import pandas as pd

peak = lambda who=resource.RUSAGE_SELF: resource.getrusage(who).ru_maxrss / 1024**2      # GiB
growing = [(2_000, 60, 200), (2_000, 60, 2_000), (8_000, 60, 2_000), (20_000, 60, 2_000)]


def table(rows, dx, dy):
    "Designs and measurements, float32, made in parts"
    rng = np.random.default_rng(0)
    x = rng.random((rows, dx), dtype=np.float32)
    waves, mixed = rng.standard_normal((dx, 60), dtype=np.float32) / dx**.5, rng.standard_normal((60, dy), dtype=np.float32)
    y = np.empty((rows, dy), np.float32)
    for i in range(0, rows, 1000): y[i:i+1000] = np.sin(3 * x[i:i+1000] @ waves) @ mixed
    return x, y


def one(rows, dx, dy):
    "Fit and propose in this process; a line of numbers"
    import torch
    from invnb.core import Data, no_bars
    from invnb.methods.neural_adjoint import NeuralAdjoint
    torch.set_num_threads(1)
    x, y = table(rows + 10, dx, dy)
    data, wanted = Data(x[:rows], y[:rows]), y[rows:]
    before, start = peak(), time.process_time()
    with no_bars():
        method = NeuralAdjoint().fit(data, progress=False)
        fitted = time.process_time() - start
        method.propose(wanted, 10)
    print(rows, dx, dy, f"{fitted:.1f}", f"{time.process_time() - start - fitted:.1f}", f"{before:.2f}", f"{peak():.2f}",
          method.surrogate.why.replace(" ", "_"), flush=True)


def command():
    "`invnb_solve` on 100 rows of 8 + 300 columns: CPU seconds of all its processes, and the largest peak"
    x, y = table(101, 8, 300)
    with tempfile.TemporaryDirectory() as folder:
        frame = pd.DataFrame(np.c_[x, y], columns=[*(f"x{i}" for i in range(8)), *(f"y{i}" for i in range(300))])
        frame[:100].to_csv(Path(folder) / "table.csv", index=False)
        frame.loc[100:, "y0":].to_csv(Path(folder) / "wish.csv", index=False)
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        call = [sys.executable, "-c", "from invnb.use.solve import invnb_solve; invnb_solve()", "table.csv", "--x", "x0:x7", "--y", "y0:y299", "--target", "wish.csv"]
        done = subprocess.run(call, cwd=folder, capture_output=True, text=True)
        if done.returncode: sys.exit(done.stderr)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    print(f"invnb_solve, 100 rows of 8 + 300 columns: {seconds:.1f} CPU s altogether, peak {peak(resource.RUSAGE_CHILDREN):.2f} GiB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]: one(*(int(v) for v in sys.argv[1:]))
    else:
        command()
        print("rows  x columns  y columns  fit (CPU s)  propose (CPU s)  before (GiB)  peak (GiB)  chosen")
        for sizes in growing: subprocess.run([sys.executable, __file__, *map(str, sizes)], check=True)
