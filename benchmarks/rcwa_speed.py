"""How fast is `invnb.tasks.rcwa` beside grcwa, an independent RCWA solver from PyPI (`pip install grcwa`)?

Both solve the same four layers, with as many harmonics a side, at the same frequencies, in double precision and on one thread.
grcwa uses the Laurent rule and pixels. For silicon that rule is far from converged; for a permittivity of 1.5 it is not, and the
two agree to three digits, as the last lines show. With the same rule and the same pixels they agree to 1e-8: `nbs/tasks/06_rcwa.ipynb`.

    python benchmarks/rcwa_speed.py
"""
import os
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
import time

import grcwa, numpy as np, torch
from fastcore.script import call_parse

from invnb.tasks.rcwa import frequencies, lattice_period, silicon, sites, speed_of_light, transmission

heights, radii = torch.tensor([32., 41, 47, 54]).double(), torch.tensor([43., 47, 49, 51.5]).double()


def pixels(standing, points=256):
    "Where silicon is, on a grid"
    u = np.arange(points)/points
    near = lambda v, s: (v - s/2 + .5) % 1 - .5
    return sum((np.hypot(near(u, sites[j][0])[:, None], near(u, sites[j][1]))*lattice_period < float(radii[j])).astype(float) for j in standing)


def theirs(freq, order, eps):
    "The same by grcwa"
    rank, tops = heights.argsort().tolist(), heights.sort().values.tolist()
    layers = [(top - base, pixels(rank[i:])) for i, (base, top) in enumerate(zip([0, *tops], tops))][::-1]
    obj = grcwa.obj((2*order + 1)**2, [1., 0.], [0., 1.], freq*lattice_period/speed_of_light, 0., 0., verbose=0)
    obj.Add_LayerUniform(0, 1.)
    for d, p in layers: obj.Add_LayerGrid(d/lattice_period, *p.shape)
    obj.Add_LayerUniform(0, 1.)
    obj.Init_Setup(Gmethod=1)
    obj.GridLayer_geteps(np.concatenate([(1 + (eps - 1)*p).flatten() for _, p in layers]))
    obj.MakeExcitationPlanewave(1., 0., 0., 0.)
    return obj.RT_Solve(normalize=1, byorder=1)[1][0].real


@call_parse
def main(order:int=6,      # harmonics a side
         count:int=3):     # frequencies
    "Time a frequency with both, and print the ratio"
    torch.set_num_threads(1)
    freq = frequencies[40:260:220//count][:count]
    solvers = dict(invnb=lambda eps: transmission(heights[None], radii[None], freq, order, permittivity=lambda f: eps)[0].numpy(),
                   grcwa=lambda eps: np.array([theirs(float(f), order, complex(e)) for f, e in zip(freq, eps)]))
    solvers["invnb"](silicon(freq))                                     # matrices that are made once
    for what, eps in {"silicon": silicon(freq), "permittivity 1.5": torch.full_like(freq, 1.5, dtype=torch.complex128)}.items():
        seconds = {}
        for name, solve in solvers.items():
            start = time.process_time()
            power = solve(eps)
            seconds[name] = (time.process_time() - start)/count
            print(f"{what}, {name}: order {order}, {1e3*seconds[name]:.1f} ms a frequency; direct power " + ", ".join(f"{p:.4f}" for p in power), flush=True)
        print(f"ratio {seconds['grcwa']/seconds['invnb']:.0f}")
