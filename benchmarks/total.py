"""From nothing, every simulation counted: shards of `invnb_bench --preset total`, and peers that others wrote.

    python benchmarks/total.py --only stack --method dfols                   # five seeds, 100 targets each
    python benchmarks/total.py --only stack --method closed_loop --tables 30 --part 1/5 --out results/total

Each shard is a process on one core; all write into the same folder, one record a cell, and what is there is not computed again.
DFO-LS, CMA-ES and BoTorch are not dependencies: pip install DFO-LS cma botorch.
"""
import argparse

import torch

from invnb.bench.cells import TABLES, planned_total, run_total

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--only", required=True, help="a task, or several with commas")
parser.add_argument("--method", required=True, help="a method or a peer, or several with commas")
parser.add_argument("--tables", default=",".join(map(str, TABLES)), help="rows, for methods that are fitted")
parser.add_argument("--seeds", default="0,1,2,3,4")
parser.add_argument("--targets", type=int, default=100, help="campaigns with a single target, for each seed")
parser.add_argument("--numbers", default="1,10,100", help="targets of a campaign")
parser.add_argument("--budget", type=int, default=200, help="simulations a target, at most")
parser.add_argument("--stops", default="1e-2,1e-4,1e-6,1e-8", help="shares of Var(y) at which a target is closed; what is not told of them goes to the last")
parser.add_argument("--singles", type=int, default=20, help="campaigns with a single target, for each seed, of methods that are asked and told")
parser.add_argument("--part", default="1/1", help="i/k: every k-th cell, from the i-th")
parser.add_argument("--out", default="results/total", help="folder of the records")
parser.add_argument("--limit", type=float, default=None, help="seconds a cell may take")


def numbers(text): return [int(word) for word in text.split(",")]


if __name__ == "__main__":
    given = parser.parse_args()
    torch.set_num_threads(1)
    cells = planned_total(given.only.split(","), given.method.split(","), numbers(given.seeds), numbers(given.tables),
                          given.targets, given.budget, numbers(given.numbers),
                          [float(word) for word in given.stops.split(",")], given.singles)
    first, of = map(int, given.part.split("/"))
    some = dict(list(cells.items())[first - 1::of])
    records = run_total(some, given.out, limit=given.limit)
    for record in records: print(record.name, f"{record.facts['seconds']:.1f} s")
