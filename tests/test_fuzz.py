"""Thousands of damaged files for everything that loads one: the meaning is kept, or a ValueError or OSError names the file.
Never another exception, a hang, a crash, something executed or written, or silently another answer.

Every file has a number; a failure prints it, and `damaged(content, number)` makes the file again."""
import contextlib, copy, io, json, math, pickle, random, shutil, struct, sys, time, warnings, zipfile, zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest, safetensors.torch, scipy.io, torch
from invnb.use import solve, solver
from invnb.use.columns import pick_columns
from invnb.use.table import read_table, read_tables
from invnb.bench.store import Record, read_record, read_records, write_record
from invnb.core import Data, stream
from invnb.methods.method import Proposer, load_method
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.cinn import CINN
from invnb.methods.search import RandomSearch
from invnb.methods.network import Network
from invnb.nets import seeded
from invnb.saved import Model, digest, read_sealed, to_config, write_sealed
from invnb.tasks import metamaterial, rcwa

SECONDS = 20.       # that a file may take


# ---- damage ----

def flip(b, r):
    b = bytearray(b)
    for _ in range(r.choice((1, 1, 1, 2, 8))): b[r.randrange(len(b))] ^= 1 << r.randrange(8)
    return bytes(b)

def span(b, r):
    "Two places, near each other or not"
    i = r.randrange(len(b))
    return i, min(len(b), i + 1 + int(r.expovariate(1/r.choice((4, 64, 1 + len(b)//4)))))

def cut(b, r): return b[:r.choice((r.randrange(len(b)), max(0, len(b) - 1 - r.randrange(16)), r.randrange(min(len(b), 64))))]
def head(b, r): return b[1 + r.randrange(len(b)):]
def insert(b, r): return b[:(i := r.randrange(len(b) + 1))] + r.randbytes(r.choice((1, 2, 8, 100))) + b[i:]
def append(b, r): return b + r.choice((b"\n", b"\0", r.randbytes(9), b))
def zero(b, r): i, j = span(b, r); return b[:i] + bytes(j - i) + b[j:]
def ones(b, r): i, j = span(b, r); return b[:i] + b"\xff"*(j - i) + b[j:]
def noise(b, r): i, j = span(b, r); return b[:i] + r.randbytes(j - i) + b[j:]
def delete(b, r): i, j = span(b, r); return b[:i] + b[j:]
def double(b, r): i, j = span(b, r); return b[:j] + b[i:j] + b[j:]
def move(b, r): i, j = span(b, r); rest, k = b[:i] + b[j:], r.randrange(len(b)); return rest[:k] + b[i:j] + rest[k:]
def blocks(b, r): n = max(1, len(b)//r.choice((2, 4, 16))); parts = [b[i:i+n] for i in range(0, len(b), n)]; r.shuffle(parts); return b"".join(parts)
def sign(b, r):
    "One character of a text is another one"
    i = r.choice([i for i in range(len(b)) if 32 <= b[i] < 127] or [0])
    return b[:i] + r.choice(b'0123456789-+.,;:"\'eE{}[]\\ \n\r\t_#ntfaNI').to_bytes(1, "little") + b[i+1:]

DAMAGE = [flip, flip, flip, cut, head, insert, append, zero, ones, noise, delete, double, move, blocks, sign, sign]

FOREIGN = [b"", b"\n", b"\0", bytes(8), bytes(4096), b"{}", b"[]", b"null", b"1e999", b"NaN", b'"' + b"a"*10, b"{" * 100_000, b"[" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b"[1e400]", b"9" * 10_000,
           b"\xef\xbb\xbf{}", '{"format": "invnb 2"}'.encode("utf-16"), b'{"format": "invnb 2"}', b'{"format": ["invnb 2"]}', b'{"format": "invnb 2", "checksum": null}', b"PK\x03\x04" + bytes(60), b"PK\x05\x06" + bytes(18), b"PAR1" + bytes(50) + b"PAR1",
           b"\x7fELF" + bytes(60), b"\x89PNG\r\n\x1a\n" + bytes(40), b"\x1f\x8b\x08" + bytes(30), b"\xd0\xcf\x11\xe0" + bytes(600), b"\x93NUMPY\x01\x00" + bytes(60), b"%PDF-1.4\n", b"#!/bin/sh\ntouch sprung\n", b"import os; os.system('true')\n",
           struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 2**63), struct.pack("<Q", 2**40) + b"{}", struct.pack("<Q", 8) + b"{}      ", struct.pack("<Q", 3) + b"{}", zlib.compress(b"a"*1000), pickle.dumps(dict(a=1)), b",,\n,,\n", b'""\n', b"\r", b"\r\r\r", b'"', b",", b"a,b\n1"]

def damaged(content:bytes, number:int) -> bytes:
    "Damage of that number: one kind, sometimes two; now and then a random or a foreign file"
    r = random.Random(number)
    kind = r.random()
    if kind < .03: return FOREIGN[number % len(FOREIGN)]
    if kind < .05: return r.randbytes(r.choice((1, 7, 8, 9, 100, 5000)))
    for _ in range(r.choice((1, 1, 1, 2))): content = r.choice(DAMAGE)(content, r) if content else content
    return content


# ---- what may come of it ----

FORBIDDEN = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.fork", "socket.connect", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree", "ctypes.dlopen")
watched = []       # what a load did that it must not do; None in front: nobody looks

def watch(event, args):
    if not watched or watched[0] is None: return
    if event in FORBIDDEN or (event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")): watched.append((event, args[:2]))

@pytest.fixture(scope="module", autouse=True)
def guard():
    "An audit hook cannot be taken away again, only be put to sleep"
    sys.addaudithook(watch)
    yield
    watched[:] = [None]


def outcome(load, number, *names, writes=False):
    "What `load()` gave, or None where it refused with a line that has one of the `names` in it"
    start, found = time.perf_counter(), None
    watched[:] = ["awake"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = load()
    except (ValueError, OSError) as e: said = f"{type(e).__name__}: {e}"
    except BaseException as e: raise AssertionError(f"damage {number}: expected a ValueError or OSError that names {names[0]}, got {type(e).__name__}: {e}") from e
    else: said = None
    finally: did, watched[:] = watched[1:], [None]
    took = time.perf_counter() - start
    assert writes or not did, f"damage {number}: loading did {did}"
    assert took < SECONDS, f"damage {number}: {took:.1f} s"
    assert said is None or any(str(name) in said for name in names), f"damage {number}: the message does not name {names[0]}: {said}"
    assert said is None or len(said) < 2000, f"damage {number}: {len(said)} characters"
    return found

def put(path, content):
    "A new file: some file systems wait for the disk where an old one is emptied and filled again"
    path.unlink(missing_ok=True)
    path.write_bytes(content)

def fuzz(content, numbers, path, load, same, make=damaged, names=(), writes=False):
    "Files of these numbers at `path`; returns how many were refused"
    refused = 0
    for number in numbers:
        bad = make(content, number)
        put(path, bad)
        found = outcome(load, number, path, *names, writes=writes)
        if found is None: refused += 1
        else: assert same(found), f"damage {number}: another answer, and nothing was said"
    path.write_bytes(content)
    assert same(outcome(load, -1, path, writes=writes)), "the file itself"
    return refused


# ---- models ----

def small_table():
    x = torch.rand(60, 3, generator=stream("fuzz"))
    return Data(x, torch.stack([x.sum(1), x[:, 0]*x[:, 2]], 1))

@pytest.fixture(scope="module")
def models(tmp_path_factory):
    "Saved models: name -> their folder"
    made = dict(random_search=RandomSearch(), neural_adjoint=NeuralAdjoint(Network(hidden=(4, 4), epochs=1, ensemble=2), bank=20), surrogate=Network(hidden=(3,), epochs=1), cinn=CINN(transforms=1, hidden=(4,), bins=3, epochs=1))
    home = tmp_path_factory.mktemp("models")
    for name, model in made.items(): model.fit(small_table(), progress=False).save(home/name)
    return {name: home/name for name in made}

def content_of(model):
    "All that a model is"
    return json.dumps([type(model).__name__, to_config(model), model.sizes, model.seen.tolist() if hasattr(model, "seen") else None], sort_keys=True), {k: v.numpy().tobytes() for k, v in model.net.state_dict().items()}

def loader(folder): return lambda: (Network.load if folder.name == "surrogate" else load_method)(folder)

@pytest.mark.parametrize("name", ["random_search", "neural_adjoint", "surrogate", "cinn"])
@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_saved_model(models, tmp_path, name, file):
    folder = Path(shutil.copytree(models[name], tmp_path/name))
    load = loader(folder)
    want = content_of(load())
    content = (folder/file).read_bytes()
    refused = fuzz(content, range(500), folder/file, load, lambda found: content_of(found) == want)
    assert refused > 450                                            # blanks at the end of config.json mean nothing; all else is seen

VALUES = [None, True, False, 0, -1, 1, 2, 1.5, -0., math.nan, math.inf, "", "x", "0", "gelu", [], {}, [None], [[]], [1, 2], {"class": None}, {"class": ["MDN"]}, {"class": "MDN"}, {"class": "Surrogate"}, {"class": "os.system"}, {"class": "AdamSearch"}]
HUGE = [10**30, -10**30, 1e308, 2**63, "9"*1000, [0]*1000, "x\0y", "\ud800"]

def places(value, at=()):
    "All places of a JSON value"
    yield at
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else (): yield from places(part, (*at, key))

def reshaped(facts, r, huge=True):
    "Valid JSON with a value of another type, a key less, a key of another name, two values exchanged, or nested deep"
    facts = copy.deepcopy(facts)
    def parent(at):
        value = facts
        for key in at[:-1]: value = value[key]
        return value, at[-1]
    some = [at for at in places(facts) if at]
    holder, key = parent(r.choice(some))
    kind = r.randrange(5 if huge else 4)
    if kind == 0: holder[key] = copy.deepcopy(r.choice(VALUES + HUGE*huge))
    elif kind == 1: del holder[key]
    elif kind == 2 and isinstance(holder, dict): holder[r.choice(("", "class", "format", "dx", "net", "sizes", "__class__", "x"*100))] = holder.pop(key)
    elif kind == 3:
        there, other = parent(r.choice(some))
        if isinstance(other, str) == isinstance(key, str) or there is not holder: holder[key], there[other] = there[other], copy.deepcopy(holder[key])
    else:
        for _ in range(r.choice((3, 300, 900) if huge else (3, 30))): holder[key] = [holder[key]] if r.random() < .5 else {"class": holder[key]}
    return facts

@pytest.mark.parametrize("name", ["random_search", "neural_adjoint", "surrogate", "cinn"])
def test_settings_of_other_types(models, tmp_path, name):
    "Changed by hand: refused, or unchanged"
    folder = Path(shutil.copytree(models[name], tmp_path/name))
    load = loader(folder)
    want = content_of(load())
    content = (folder/"config.json").read_bytes()
    make = lambda content, number: json.dumps(reshaped(json.loads(content), random.Random(number))).encode()
    fuzz(content, range(250), folder/"config.json", load, lambda found: content_of(found) == want, make)

@pytest.mark.parametrize("name", ["random_search", "neural_adjoint", "surrogate", "cinn"])
def test_settings_sealed_by_a_stranger(models, tmp_path, name):
    "Other settings with a checksum that fits: refused or loaded, but nothing else happens"
    folder = Path(shutil.copytree(models[name], tmp_path/name))
    load, path = loader(folder), folder/"config.json"
    facts = read_sealed(path, "invnb 2")
    loaded = 0
    for number in range(250):
        try: write_sealed(path, reshaped(facts, random.Random(number), huge=False))
        except (TypeError, ValueError): continue                     # a name that is no string cannot be sorted
        loaded += outcome(load, number, folder) is not None
    assert 0 < loaded < 250

def header_damage(content, r):
    "A safetensors file whose header says something else"
    n, = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8:8+n]), content[8+n:]
    names = [k for k in header if k != "__metadata__"]
    a, b = header[r.choice(names)], header[r.choice(names)]
    kind = r.randrange(9)
    if kind == 0: a["shape"] = r.choice(([], [0], [1], [-1], a["shape"][::-1], [*a["shape"], 1], [2**40, 2**40], [math.prod(a["shape"])], None, "4", [1.5]))
    elif kind == 1: a["dtype"] = r.choice(("F64", "F16", "BF16", "I32", "BOOL", "U8", "F8_E4M3", "C64", "F32 ", "", None, 3))
    elif kind == 2: a["data_offsets"] = r.choice(([0, 0], [0, len(data)], [4, 0], [-4, 4], [0, 2**63], [0], None, [0, len(data) + 4], b["data_offsets"]))
    elif kind == 3: a["data_offsets"], b["data_offsets"] = b["data_offsets"], a["data_offsets"]          # tensors exchanged
    elif kind == 4: header[r.choice(("", "x", "__metadata__", "net.0", "x"*1000))] = header.pop(r.choice(names))
    elif kind == 5: header["__metadata__"] = r.choice(({}, {"format": "np"}, {"format": 1}, [], "x", None, {"format": "invnb record 2"}, {**header.get("__metadata__", {}), "more": "1"}))
    elif kind == 6: header.pop(r.choice(list(header)))
    elif kind == 7: header["more"] = copy.deepcopy(a)
    else: a.pop(r.choice(list(a)))
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data

@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("name", ["random_search", "neural_adjoint", "surrogate", "cinn"])
def test_tensors_of_other_shapes(models, tmp_path, name, sealed):
    "Refused; with a checksum that a stranger made to fit: refused or loaded, and the numbers are those of the file"
    folder = Path(shutil.copytree(models[name], tmp_path/name))
    load, path = loader(folder), folder/"model.safetensors"
    want, content, facts = content_of(load()), path.read_bytes(), read_sealed(folder/"config.json", "invnb 2")
    for number in range(150):
        bad = header_damage(content, random.Random(number))
        put(path, bad)
        if sealed: write_sealed(folder/"config.json", dict(facts, tensors=digest(bad)))
        found = outcome(load, number, folder)
        if found is not None and sealed:
            stored = safetensors.torch.load(bad)
            assert all(torch.equal(value.nan_to_num(), stored[key].to(value.dtype).nan_to_num().view(value.shape)) for key, value in found.net.state_dict().items()), f"damage {number}"
        elif found is not None: assert content_of(found) == want, f"damage {number}"

def test_files_of_other_models(models, tmp_path):
    "Intact files of the wrong place: another model's tensors, another model's settings, a folder in place of a file"
    for name, folder in models.items():
        for other in models.values():
            if other == folder: continue
            for file in ("config.json", "model.safetensors"):
                mixed = Path(shutil.copytree(folder, tmp_path/f"{name} {other.name} {file}"))/file
                shutil.copy(other/file, mixed)
                with pytest.raises(ValueError, match="model.safetensors: expected a safetensors file as it was saved with config.json"): Model.load(mixed.parent)
        for file in ("config.json", "model.safetensors"):
            for put in (lambda path: None, Path.mkdir):
                broken = Path(shutil.copytree(folder, tmp_path/f"{name} {file} {put.__name__}"))/file
                broken.unlink(); put(broken)
                with pytest.raises(OSError, match=file): Model.load(broken.parent)
    with pytest.raises(ValueError, match="expected a NeuralAdjoint, got a RandomSearch"): NeuralAdjoint.load(models["random_search"])
    old = Path(shutil.copytree(models["random_search"], tmp_path/"old"))/"config.json"
    old.write_text(json.dumps({**{k: v for k, v in json.loads(old.read_text()).items() if k != "checksum"}, "format": "invnb 1"}))
    with pytest.raises(ValueError, match="config.json: saved by an earlier version; fit it again"): load_method(old.parent)


# ---- records ----

@pytest.fixture
def record(tmp_path):
    error = torch.rand(4, 5, generator=stream("record"))
    error[1, 2] = torch.inf
    return write_record(tmp_path, Record(dict(task="sine_wave", method="mdn", seed=3, settings=dict(hidden=[8, 8], lr=1e-3, name="µ")), dict(exchangeable=True, fit_s=.1, host="a"), error))

def says(record): return record.spec, record.facts, record.error.dtype, record.error.shape, record.error.numpy().tobytes()

def test_record(record):
    want = says(read_record(record))
    refused = fuzz(record.read_bytes(), range(2500), record, lambda: read_record(record), lambda found: says(found) == want)
    assert refused > 2300

def test_record_header(record):
    want = says(read_record(record))
    fuzz(record.read_bytes(), range(500), record, lambda: read_record(record), lambda found: says(found) == want, lambda content, number: header_damage(content, random.Random(number)))

def test_record_metadata(record):
    "What the record says of itself is covered: spec, facts and format"
    content, want = record.read_bytes(), says(read_record(record))
    def make(content, number):
        r, (n,) = random.Random(number), struct.unpack("<Q", content[:8])
        header = json.loads(content[8:8+n])
        inside = header["__metadata__"]
        key = r.choice(("spec", "facts", "checksum", "format", "spec", "facts"))
        inside[key] = damaged(inside[key].encode(), number).decode(errors="replace") if key in ("checksum", "format") or r.random() < .5 else json.dumps(reshaped(json.loads(inside[key]), r))
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + content[8+n:]
    fuzz(content, range(700), record, lambda: read_record(record), lambda found: says(found) == want, make)

def test_folder_of_records(record):
    "Each damaged file is named by a warning, and the intact ones are found"
    content = record.read_bytes()
    for number in range(100): record.with_name(f"damaged-{number}.safetensors").write_bytes(damaged(content, number))
    record.with_name("a folder.safetensors").mkdir()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = read_records(record.parent)
    assert [r.name for r in found] == [record.stem]
    assert len(said) == 101 and all(any(str(path) in str(w.message) for w in said) for path in record.parent.glob("*.safetensors") if path != record)


# ---- tables ----

def good_table(rows=14):
    h = np.random.default_rng(0).uniform(size=(rows, 2)).round(4)
    return pd.DataFrame({"id": [f"row {i}" for i in range(rows)], "h1": h[:, 0], "h 2": h[:, 1], "s1": h.sum(1).round(4), "s2": h.prod(1).round(4)})

def read_pairs(path):
    "As `invnb_solve` does: pick the columns, then read them"
    table = read_table(path)
    with contextlib.redirect_stderr(io.StringIO()): return solve.read_data(table, pick_columns("--x", "h1,h 2", table), pick_columns("--y", "s1:s2", table))[:2]

def plain(parts): return all(part.ndim == 2 and part.dtype == np.float64 and np.isfinite(part).all() for part in parts) and len(parts[0]) == len(parts[1]) >= solve.FEWEST and parts[0].shape[1] == 2

def test_csv(tmp_path):
    "There is no checksum: a number that changed is another number, and all that comes out is finite"
    content = good_table().to_csv(index=False).encode()
    path = tmp_path/"data.csv"
    refused = fuzz(content, range(2000), path, lambda: read_pairs(path), plain, names=("--x:", "--y:"))
    assert 500 < refused < 1999

CELLS = ["", " ", '"', '""', "nan", "inf", "-inf", "1e400", "-1e400", "1e-400", "1e16", "0x10", "1_0", "1,5", "1;5", "½", "١٢", "−1", "1e", "e5", ".", "+", "--1", "TRUE", "#N/A", "1 2", "\0", "\x1a", "\ufeff1", "\u20281", "9"*400, "a"*200_000, "=1+1", '"1\n2"', "1j", "0.1f", "1/2", "10%", "$1", "1e5_0"]

def test_csv_cells(tmp_path):
    "A cell, a name or an end of a line that is something else"
    path = tmp_path/"data.csv"
    rows = [line.split(",") for line in good_table().to_csv(index=False).splitlines()]
    for number in range(1000):
        r, mine = random.Random(number), copy.deepcopy(rows)
        mine[r.randrange(len(mine))][r.randrange(5)] = CELLS[number % len(CELLS)]
        if r.random() < .1: mine[r.randrange(len(mine))].pop()
        put(path, r.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n")).join(r.choice((",", ",", ",", ", ", ";")).join(row) for row in mine).encode())
        found = outcome(lambda: read_pairs(path), number, path, "--x:", "--y:")
        assert found is None or plain(found), f"damage {number}"

def test_targets_and_bounds(tmp_path):
    path = tmp_path/"wanted.csv"
    finite = lambda found: np.isfinite(np.asarray(found)).all()
    def kept(found):      # numbers or nothing, the lower end first, and in each row something that matters
        low, high = found.lower.to_numpy(), found.upper.to_numpy()
        return (low <= high).all() and (np.isfinite(low) | np.isfinite(high)).any(1).all()
    fuzz(b"s1,s2\n0.5,0.1\n1.5,0.25\n", range(600), path, lambda: solve.read_wanted(path, ["s1", "s2"]), kept)
    fuzz(b"s1,s2,h\n>=0.5,0.1..0.2,1\n,0.25+-0.1,\n", range(600), path, lambda: solve.read_wanted(path, ["s1", "s2"], ["h"]), kept)
    path = tmp_path/"bounds.csv"
    fuzz(b"h1,h 2\n0,0\n1,1\n", range(600), path, lambda: solve.read_bounds(path, ["h1", "h 2"]), lambda found: finite(found) and (found[0] <= found[1]).all())

@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_parquet(tmp_path, compression):
    pytest.importorskip("pyarrow")
    path = tmp_path/"data.parquet"
    good_table().to_parquet(path, compression=None if compression == "none" else compression)
    refused = fuzz(path.read_bytes(), range(700), path, lambda: read_pairs(path), plain, names=("--x:", "--y:"))
    assert refused > 300

LAYOUTS = {"semicolons": dict(sep=";", decimal=","), "tabs": dict(sep="\t"), "spaces": dict(sep=" ", quoting=2)}

@pytest.mark.parametrize("kind", LAYOUTS)
def test_text_of_other_layouts(tmp_path, kind):
    path = tmp_path/"data.txt"
    content = ("# a comment\n" + good_table().to_csv(index=False, **LAYOUTS[kind])).encode("utf-16" if kind == "tabs" else "utf-8")
    refused = fuzz(content, range(500), path, lambda: read_pairs(path), plain, names=("--x:", "--y:"))
    assert refused > 150

def arrays(kind, path):
    "The table without its text, as a file of that kind"
    table = good_table()
    parts = dict(x=table[["h1", "h 2"]].to_numpy(), y=table[["s1", "s2"]].to_numpy())
    if kind == "npy": np.save(path, np.concatenate(list(parts.values()), 1))
    elif kind == "npz": np.savez(path, **parts, note="a", seed=1)
    elif kind == "npz, compressed": np.savez_compressed(path, **parts)
    elif kind == "mat": scipy.io.savemat(path, {**parts, "note": "a", "more": dict(a=1)})
    elif kind == "mat, compressed": scipy.io.savemat(path, parts, do_compression=True)
    else: scipy.io.savemat(path, parts, format="4")

@pytest.mark.parametrize("kind", ["npy", "npz", "npz, compressed", "mat", "mat, compressed", "mat, version 4"])
def test_arrays(tmp_path, kind):
    path = tmp_path/f"data.{kind.split(',')[0]}"
    arrays(kind, path)
    def load():
        table = read_table(path)
        return solve.read_data(table, pick_columns("--x", "1:2" if kind == "npy" else "x", table), pick_columns("--y", "3:4" if kind == "npy" else "y", table))[:2]
    with contextlib.redirect_stderr(io.StringIO()):           # a process is started where SciPy crashed
        refused = fuzz(path.read_bytes(), range(1000), path, load, plain, names=("--x:", "--y:"), writes="mat" in kind)
    assert refused > 300

def test_pickles_are_not_loaded(tmp_path, monkeypatch):
    "Arrays of objects, in a .npy, in a .npz, and pickles under any name"
    class Trap:
        def __reduce__(self): return (Path.touch, (tmp_path/"sprung",))
    trap = np.array([Trap()], dtype=object)
    np.save(tmp_path/"a.npy", trap, allow_pickle=True)
    np.savez(tmp_path/"a.npz", allow_pickle=True, x=trap, y=np.zeros((3, 2)))
    for name in ("b.npy", "b.npz", "b.mat", "b.xlsx", "b.parquet", "b.csv", "b.pkl"): (tmp_path/name).write_bytes(pickle.dumps(Trap()))
    for path in [p for p in tmp_path.iterdir()]:
        with pytest.raises(ValueError, match=path.name): read_table(path)
    assert not (tmp_path/"sprung").exists()

def test_excel(tmp_path):
    pytest.importorskip("openpyxl")
    path = tmp_path/"data.xlsx"
    good_table().to_excel(path, index=False)
    refused = fuzz(path.read_bytes(), range(500), path, lambda: read_pairs(path), plain, names=("--x:", "--y:"))
    assert refused > 200
    parts = {name: zipfile.ZipFile(path).read(name) for name in zipfile.ZipFile(path).namelist()}
    for number in range(300):                                            # a sound archive with a damaged part
        r = random.Random(number)
        name = r.choice(list(parts))
        with zipfile.ZipFile(path, "w") as archive:
            for part, content in parts.items(): archive.writestr(part, damaged(content, number) if part == name else content)
        found = outcome(lambda: read_pairs(path), number, path, "--x:", "--y:")
        assert found is None or plain(found), f"damage {number} to {name}"

def test_two_files(tmp_path):
    x, y = tmp_path/"x.npy", tmp_path/"y.csv"
    table = good_table()
    np.save(x, table[["h1", "h 2"]])
    def load():
        both = read_tables([x, y])
        return solve.read_data(both, both.parts["x"], both.parts["y"])[:2]
    with contextlib.redirect_stderr(io.StringIO()): fuzz(table[["s1", "s2"]].to_csv(index=False, header=False).encode(), range(500), y, load, plain)


# ---- invnb_solve ----

@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    "A folder with a table, targets, a model that `invnb_solve` saved, and its answer"
    home = tmp_path_factory.mktemp("solved")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr(solver, "default_surrogate", lambda calls: Network(hidden=(4,), epochs=2, ensemble=2))
        good_table().to_csv("data.csv", index=False)
        Path("wanted.csv").write_text("s1,s2\n0.9,0.2\n1.1,0.25\n")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            solve.invnb_solve(["data.csv", "--x", "h1,h 2", "--y", "s1:s2", "--target", "wanted.csv", "--out", "found.csv", "--model", "mine", "--method", "ranked_search"])
    return home

FILES = ["solver.json", "config.json", "model.safetensors", "judge/config.json", "judge/model.safetensors", "table.safetensors"]

@pytest.mark.parametrize("file", FILES)
def test_solver(solved, tmp_path, file):
    folder = Path(shutil.copytree(solved/"mine", tmp_path/"mine"))
    def says(solver): return json.dumps([solver.x, solver.y, solver.bounds.tolist(), solver.name, solver.learned, solver.quality], sort_keys=True), content_of(solver.method), content_of(solver.judge)
    want, path = says(solver.load_solver(folder)), folder/file
    content = path.read_bytes()
    load = lambda: solver.load_solver(folder)
    fuzz(content, range(300), path, load, lambda found: says(found) == want, names=(folder,))
    if path.suffix == ".json":
        make = lambda content, number: json.dumps(reshaped(json.loads(content), random.Random(number))).encode()
        fuzz(content, range(200), path, load, lambda found: says(found) == want, make, names=(folder,))
    path.unlink(); path.mkdir()
    assert outcome(load, "folder", folder) is None

def test_solver_of_two(solved, tmp_path, monkeypatch):
    "A judge or a method of another training, both intact, are not taken for those of this one"
    other = Network(hidden=(4,), epochs=1, ensemble=2).fit(Data(torch.rand(20, 2, generator=stream("a")), torch.rand(20, 2, generator=stream("b"))), progress=False)
    mixed = Path(shutil.copytree(solved/"mine", tmp_path/"mixed"))
    other.save(mixed/"judge")
    with pytest.raises(ValueError, match="its method, its judge or its table is another one"): solver.load_solver(mixed)

def answered(capsys, *args):
    "True: finite candidates were written. False: one line, exit code 2 and no file"
    Path("found.csv").unlink(missing_ok=True)
    start = time.perf_counter()
    try: solve.invnb_solve([*map(str, args), "--out", "found.csv"])
    except SystemExit as stop:
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if not line.startswith("invnb: warning: ")]
        assert stop.code == 2 and out == "" and len(lines) == 1 and lines[0].startswith("invnb: ") and not Path("found.csv").exists(), (stop.code, out, err)
        return False
    capsys.readouterr()
    found = pd.read_csv("found.csv")
    assert np.isfinite(found.drop(columns="measured").to_numpy()).all() and list(found)[:2] == ["target", "rank"]
    return True

@pytest.mark.parametrize("kind", ["targets", "table", "table and model", "model", "parquet"])
def test_the_whole_command(solved, tmp_path, capsys, monkeypatch, kind):
    "In this process, with a surrogate that is hardly trained"
    if kind == "parquet": pytest.importorskip("pyarrow")
    shutil.copytree(solved, tmp_path/"here")
    monkeypatch.chdir(tmp_path/"here")
    monkeypatch.setattr(solver, "default_surrogate", lambda calls: Network(hidden=(4,), epochs=1))
    good_table().to_parquet("data.parquet")
    fresh = ["--x", "h1,h 2", "--y", "s1:s2", "--target", "wanted.csv", "--method", "ranked_search"]
    path, args = {"targets": ("wanted.csv", ["--model", "mine", "--target", "wanted.csv"]), "table": ("data.csv", ["data.csv", *fresh]), "table and model": ("data.csv", ["data.csv", *fresh, "--model", "mine"]),
                  "model": ("mine/solver.json", ["--model", "mine", "--target", "wanted.csv"]), "parquet": ("data.parquet", ["data.parquet", *fresh])}[kind]
    path, want = Path(path), (solved/"found.csv").read_text()
    content, results = path.read_bytes(), []
    for number in range(30):
        path.write_bytes(damaged(content, number))
        try: results.append(answered(capsys, *args))
        except BaseException as e: raise AssertionError(f"damage {number}: {type(e).__name__}: {e}") from e
        if results[-1] and kind in ("model", "table and model"): assert Path("found.csv").read_text() == want, f"damage {number}"      # nothing that counts has changed
    path.write_bytes(content)
    assert not all(results) and answered(capsys, *args)


# ---- the networks of the meta-material ----

class SmallNet(metamaterial.OfficialNet):
    "The layers of the official networks, a hundred times narrower"
    def __init__(self):
        torch.nn.Module.__init__(self)
        widths = [8, 6, 5]
        self.linears = torch.nn.ModuleList([torch.nn.Linear(a, b) for a, b in zip(widths, widths[1:])])
        self.bn_linears = torch.nn.ModuleList([torch.nn.BatchNorm1d(b) for b in widths[1:]])
        self.convs = torch.nn.ModuleList([torch.nn.ConvTranspose1d(1, 4, 8, stride=2, padding=3), torch.nn.Conv1d(4, 1, 1)])

@pytest.mark.parametrize("zipped", [True, False])
def test_official_networks(tmp_path, monkeypatch, zipped):
    monkeypatch.setattr(metamaterial, "OfficialNet", SmallNet)
    path = tmp_path/"mm1.pth"
    with seeded(stream("official")): torch.save(SmallNet().state_dict(), path, _use_new_zipfile_serialization=zipped)
    bits = lambda net: {k: v.numpy().tobytes() for k, v in net.state_dict().items()}
    want = bits(metamaterial.official_net(path))
    same = (lambda net: bits(net) == want) if zipped else (lambda net: all(v.isfinite().all() for v in net.state_dict().values()))      # the older format has no checksum
    assert fuzz(path.read_bytes(), range(600), path, lambda: metamaterial.official_net(path), same) > 200
    path.unlink(); path.mkdir()
    assert outcome(lambda: metamaterial.official_net(path), "folder", path) is None

def test_official_networks_are_not_executed(tmp_path):
    class Trap:
        def __reduce__(self): return Path.touch, (tmp_path/"sprung",)
    for i in range(1, 6): torch.save(dict(a=Trap()), tmp_path/f"mm{i}.pth")
    with pytest.raises(ValueError, match="mm1.pth: expected a file of weights"): metamaterial.from_official(tmp_path)
    assert not (tmp_path/"sprung").exists()

@pytest.mark.parametrize("name, files", [("metamaterial_held_out.safetensors", 250), ("metamaterial_cst.safetensors", 250), ("metamaterial.safetensors", 30)])
def test_bundled_files(tmp_path, monkeypatch, name, files):
    content = (rcwa.importlib.resources.files("invnb")/"data"/name).read_bytes()
    path = tmp_path/"data"/name
    path.parent.mkdir()
    monkeypatch.setattr(rcwa.importlib.resources, "files", lambda package: tmp_path)
    bits = lambda tensors: {k: v.numpy().tobytes() for k, v in tensors.items()}
    want = bits(safetensors.torch.load(content))
    assert fuzz(content, range(files), path, lambda: rcwa.bundled(name), lambda found: bits(found) == want, names=(name,)) > .9*files      # zeros put where zeros were change nothing


# ---- simulations kept in a file ----

def test_simulation_cache(tmp_path):
    "What is found is what was put there; what was damaged is missing, or the file is refused by its name"
    from invnb.tasks.per_design import SimulationCache
    path = tmp_path/"cache.sqlite"
    designs = [(i/8, 1 - i/8) for i in range(9)]
    cache, answer = SimulationCache(path, "mine"), lambda design: np.array([sum(design), design[0]*design[1]])
    for design in designs: cache.add(design, answer(design))
    content = path.read_bytes()
    assert len(cache.find(designs)) == 9
    for number in range(400):
        put(path, damaged(content, number))
        found = outcome(lambda: cache.find(designs), number, path, writes=True)
        assert found is None or all(np.array_equal(y, answer(design)) for design, y in found.items()), f"damage {number}: another answer"
        for beside in tmp_path.iterdir():
            if beside != path: beside.unlink()
    path.write_bytes(content)
    assert len(cache.find(designs)) == 9


# ---- candidates for many targets, half written ----

def test_unfinished_candidates(models, tmp_path):
    "The note beside a file that was begun says whether to go on, and which blocks are whole"
    from invnb.use.many_targets import propose_to_file
    method, targets, path = load_method(models["random_search"]), torch.rand(30, 2, generator=stream("many")).numpy(), tmp_path/"x.npy"
    want = np.array(propose_to_file(method, targets, path, n=2, block=10, progress=False))
    whole, unfinished, note = path.read_bytes(), path.with_name("x.npy.part"), path.with_name("x.npy.note")
    class Stop(Exception): pass
    calls = []
    path.unlink()
    propose = Proposer.propose
    try:
        def once(self, *args):
            if len(calls) == 2: raise Stop
            calls.append(1)
            return propose(self, *args)
        Proposer.propose = once
        with pytest.raises(Stop): propose_to_file(method, targets, path, n=2, block=10, progress=False)
    finally: Proposer.propose = propose
    part, text = unfinished.read_bytes(), note.read_bytes()
    for number in range(200):
        unfinished.write_bytes(damaged(part, number) if number % 2 else part); note.write_bytes(damaged(text, number) if number % 4 < 3 else text)
        found = outcome(lambda: np.array(propose_to_file(method, targets, path, n=2, block=10, progress=False)), number, tmp_path, writes=True)
        assert found is None or np.array_equal(found, want), f"damage {number}"
        for made in (path, unfinished, note): made.unlink(missing_ok=True)
