"""Why two methods that draw are behind what was published on light: python benchmarks/light.py [--only cvae]

cvae: draws as they are, and each the mean of its decoder, without the decoder's noise; from 10,000 designs, and on shell and stack from 50,000, as
the published one had. Printed are r_1, r_10 and r_50 for the 200 targets of the results. Ten minutes on one core.
inn: what its forward pass leaves unexplained of 500 held-out measurements, and the error of the design that comes back from its own answer and from
the measurement, each with the latent that belongs to it and with one that is drawn. Two minutes a task."""
import argparse
import time
import warnings

import torch

from invnb.core import no_bars, stream
from invnb.methods.cvae import CVAEBlock
from invnb.methods.method import get_method, resimulation_error
from invnb.tasks.task import get_task


def centre(block, c, rows, generator):
    "In place of `CVAEBlock.draw`: no noise behind the decoder"
    z = torch.randn(len(rows), block.latent, generator=generator).to(c)
    return block.decode(z, c[rows])[0]


def cvae(name, rows):
    task, start = get_task(name), time.process_time()
    method = get_method("cvae").fit(task.sample(rows, 0), 0, progress=False)
    fit, drawn = time.process_time() - start, CVAEBlock.draw
    for kind, draw in (("draws", drawn), ("means", centre)):
        CVAEBlock.draw = draw
        try: r = method.search(task.simulate, task.targets(200), 50, 0).error.cummin(1).values.mean(0)
        finally: CVAEBlock.draw = drawn
        print(f"cvae {name:12} {rows:6} {kind}: r_1 {r[0]:.1e} r_10 {r[9]:.1e} r_50 {r[49]:.1e}, designs and training {fit:.0f} CPU s", flush=True)


def inn(name):
    task = get_task(name)
    data = task.sample(10_000, 0)
    method = get_method("inn").fit(data, 0, progress=False)
    net, (x, y) = method.net, (part[:500] for part in data.held)
    block, z, c = net.rest, net.x_scale(x), net.y_scale(y)
    said, latent, rest = block(z).detach().split([block.context, block.latent, block.width - block.context - block.latent], 1)
    print(f"inn  {name:12} forwards it leaves {float((said - c).square().mean()):.3f} of the variance", flush=True)
    other = torch.randn(latent.shape, generator=stream("light", "latent"))
    for what, answer in (("its own answer", said), ("the measurement", c)):
        for which, own, padding in (("its own", latent, rest), ("a drawn", other, torch.zeros_like(rest))):
            back = net.x_scale.inverse(block.back(torch.cat([answer, own, padding], 1)).detach()[:, :block.features])
            back = torch.minimum(torch.maximum(back, data.bounds[0]), data.bounds[1])
            error = float(resimulation_error(task.simulate(back), y).mean())
            print(f"inn  {name:12} back from {what}, {which} latent: error {error:.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["cvae", "inn"], help="one of the two")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with no_bars():
        if args.only != "cvae":
            for name in ("shell", "metamaterial"): inn(name)
        if args.only != "inn":
            for name, rows in (("metamaterial", 10_000), ("stack", 10_000), ("stack", 50_000), ("shell", 10_000), ("shell", 50_000)): cvae(name, rows)


if __name__ == "__main__": main()
