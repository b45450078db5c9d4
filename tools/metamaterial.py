"""Make what the meta-material task brings along: full-wave spectra of random cells, and the networks that learn them.

    python tools/metamaterial.py spectra     # two hours of one core; may be killed, and goes on where it was
    python tools/metamaterial.py networks    # a quarter of an hour; writes the two files of invnb/data
"""
import hashlib
import sys
from pathlib import Path

import torch
from fastcore.script import call_parse
from loky import get_reusable_executor
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from invnb.core import Data, stream
from invnb.nets import seeded, train
from invnb.tasks.metamaterial import ShiftNet, metamaterial_box
from invnb.tasks.rcwa import frequencies, sizes, spectrum

SHARD, HELD_OUT, NETWORKS = 100, 5, 5           # designs of a shard, shards that no network sees, networks
HERE = Path(__file__).resolve().parent.parent


def make_shard(path, index):
    "A hundred designs of a stream of their own, and their spectra"
    torch.set_num_threads(1)
    lower, upper = metamaterial_box
    x = lower + (upper - lower)*torch.rand(SHARD, 8, generator=stream("metamaterial", "full wave", index))
    y, error = spectrum(*sizes(x.double()), frequencies)
    unfinished = path.with_suffix(".part")
    save_file(dict(x=x, y=y.float(), error=error.float()), str(unfinished))
    unfinished.rename(path)


def spectra(folder, shards, workers):
    "Those shards that are not there yet"
    folder.mkdir(parents=True, exist_ok=True)
    todo = [(path, i) for i in range(shards) if not (path := folder/f"{i:04d}.safetensors").exists()]
    with get_reusable_executor(workers) as executor:
        for future in tqdm([executor.submit(make_shard, *t) for t in todo], desc="spectra", unit=f"{SHARD} designs"): future.result()


def make_network(folder, seed):
    "One member: its own start, its own order of the rows, its own tenth for validation"
    torch.set_num_threads(1)
    parts = [load_file(str(path)) for path in sorted(folder.glob("*.safetensors"))[HELD_OUT:]]
    x, y = (torch.cat([part[name] for part in parts]) for name in "xy")
    valid = torch.arange(len(x)) % (2*NETWORKS) == seed
    with seeded(stream("metamaterial", "weights", seed)): net = ShiftNet((2, 256, 256, 256), (256, 512, 300))
    history = train(net, lambda x, y: (net(x) - y).square().mean(), Data(x, y, valid=valid), epochs=250, batch=64, lr=4e-3,
                    generator=stream("metamaterial", "order", seed), progress=False)
    return {name: value.half() for name, value in net.state_dict().items()}, len(x), min(history["valid"])


def networks(folder, workers):
    "Train them, and write what the package ships"
    data, weights = HERE/"invnb"/"data", {}
    with get_reusable_executor(workers) as executor:
        for seed, (net, rows, valid) in enumerate(executor.map(make_network, [folder]*NETWORKS, range(NETWORKS))):
            print(f"network {seed}: {rows} designs, validation {valid:.2e}", flush=True)
            weights |= {f"{seed}.{name}": value.contiguous() for name, value in net.items()}
    save_file(weights, str(data/"metamaterial.safetensors"))
    held = [load_file(str(path)) for path in sorted(folder.glob("*.safetensors"))[:HELD_OUT]]
    save_file(dict(x=torch.cat([part["x"] for part in held]), y=torch.cat([part["y"] for part in held]).half()), str(data/"metamaterial_held_out.safetensors"))
    for path in data.glob("metamaterial*.safetensors"):
        path.chmod(0o644)
        print(f"{path.name}: {hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()}; to be written in `bundled_files` of nbs/tasks/06_rcwa.ipynb")


@call_parse
def main(what:str,                        # spectra or networks
         folder:str="runs/metamaterial",  # where the spectra are
         shards:int=60,                   # of 100 designs; the first five are held out
         workers:int=2):                  # processes
    "Full-wave spectra, then networks"
    if what == "spectra": spectra(Path(folder), shards, workers)
    elif what == "networks": networks(Path(folder), workers)
    else: sys.exit(f"what: expected spectra or networks, got {what!r}")
