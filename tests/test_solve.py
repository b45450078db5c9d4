"invnb_solve: what a user may do wrong with a table, each answered by one line, exit code 2 and no file; and what comes out when all is right"
import json, os, signal, subprocess, sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from invnb.use.solve import invnb_solve
from invnb.use.table import read_table
from invnb.methods.network import Network

def command(*data, **options):
    "`invnb_solve` in this process"
    words = [f"--{name.replace('_', '-')}" if value is True else (f"--{name}", value) for name, value in options.items() if value is not None]
    invnb_solve([*(name for name in data if name is not None), *(word for part in words for word in ([part] if isinstance(part, str) else part))])


GOOD = dict(x="h1,h2", y="s1:s2", target="wanted.csv", n="3", out="found.csv", method="ranked_search")


def good_table(rows=40):
    h = np.random.default_rng(0).uniform(size=(rows, 2)).round(4)
    return pd.DataFrame(dict(id=range(rows), h1=h[:, 0], h2=h[:, 1], s1=h.sum(1), s2=h.prod(1), flat=7.))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = good_table()
    table.to_csv("data.csv", index=False)
    table[["s1", "s2"]].head(2).to_csv("wanted.csv", index=False)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    "A folder with a model in it, trained once"
    home, before = tmp_path_factory.mktemp("trained"), Path.cwd()
    os.chdir(home)
    try:
        table = good_table()
        table.to_csv("data.csv", index=False)
        table[["s1", "s2"]].head(2).to_csv("wanted.csv", index=False)
        command("data.csv", **GOOD, model="mine")
    finally: os.chdir(before)
    return home


def refused(capsys, *args, **options):
    "The one line of a call that must fail and write nothing"
    before = sorted(Path().rglob("*"))
    with pytest.raises(SystemExit) as stop: command(*args, **options)
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("invnb: ") and len(err) < 600
    assert sorted(Path().rglob("*")) == before
    return err


def csv(edit=lambda t: t, **options): return edit(good_table().to_csv(index=False, **options))
def cell(line, column, value):
    def edit(text):
        lines = [row.split(",") for row in text.splitlines()]
        lines[line - 1][column] = value
        return "\n".join(map(",".join, lines))
    return edit


TABLES = {   # the bytes of data.csv -> what the line must say
    "empty file": ("", ["data.csv", "empty file"]),
    "only a header": ("id,h1,h2,s1,s2\n", ["at least 10 rows", "got 0"]),
    "one row": ("id,h1,h2,s1,s2\n1,2,3,4,5\n", ["at least 10 rows", "got 1"]),
    "nine rows": (csv(lambda t: "\n".join(t.splitlines()[:10])), ["at least 10 rows", "got 9"]),
    "text": (csv(cell(5, 1, "high")), ["line 5", "'h1'", "'high'", "--drop-bad-rows"]),
    "four bad cells": (csv(lambda t: cell(5, 1, "high")(cell(7, 2, "")(cell(9, 2, "n/a")(cell(9, 3, "1 year")(t))))), ["4 bad cells in 3 of 40 rows", "line 5, column 'h1': 'high'; line 7, column 'h2': an empty cell; line 9, column 'h2': 'n/a'; ...", "--drop-bad-rows"]),
    "a column of words": (csv(lambda t: "\n".join(["id,h1,h2,s1,s2,flat", *(f"{i},tin,1,2,3,4" for i in range(12))])), ["'h1'", "expected numbers, got text ('tin')"]),
    "empty cell": (csv(cell(7, 3, "")), ["line 7", "'s1'", "empty cell"]),
    "NaN": (csv(cell(7, 3, "NaN")), ["line 7", "'s1'", "NaN"]),
    "#N/A": (csv(cell(7, 3, "#N/A")), ["line 7", "'s1'", "#N/A"]),
    "infinite": (csv(cell(41, 2, "inf")), ["line 41", "'h2'", "inf"]),
    "too large": (csv(cell(4, 2, "1e200")), ["'h2'", "1e+200", "unit"]),
    "decimal comma": (csv(cell(3, 1, "0,5")), ["line 3", "6 cells", "got 7", "point"]),
    "decimal comma in quotes": (csv(lambda t: t.replace("0.637,", '"0,637",', 1)), ["line 2", "'h1'", "'0,637'", "write 0.637"]),
    "two readings": (csv(cell(3, 1, "1,234"), sep=",").replace("1,234", '"1,234"'), ["line 3", "'h1'", "1234 or 1.234"]),
    "spaces in the wrong place": (csv(cell(3, 1, "1 00.5")), ["line 3", "'h1'", "write 100.5"]),
    "short line": (csv(lambda t: t + "1,2,3\n"), ["line 42", "6 cells", "got 3"]),
    "two columns of a name": (csv(lambda t: t.replace("id,h1", "h1,h1", 1)), ["'h1' 2 times"]),
    "no header": (csv(lambda t: t.split("\n", 1)[1]), ["'h1'", "line of names missing"]),
    "UTF-16 without its mark": (csv().encode("utf-16-le"), ["binary"]),
    "half of UTF-16": (csv().encode("utf-16")[:-1], ["expected UTF-16"]),
    "binary": (bytes(range(256)) * 4, ["binary"]),
    "spreadsheet": (b"PK\3\4" + bytes(100), ["spreadsheet"]),
    "an endless quote": (csv(cell(3, 1, '"0.5')), ["line 3", "closing quotation mark"]),
}


@pytest.mark.parametrize("kind", TABLES)
def test_bad_table(kind, folder, capsys):
    content, says = TABLES[kind]
    Path("data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    line = refused(capsys, "data.csv", **GOOD)
    assert [word for word in says if word not in line] == [], line


READ = {     # the bytes of data.csv, all of the same numbers -> what is said of them
    "semicolons": (csv(sep=";"), "read with semicolons; 40 rows"),
    "semicolons and decimal commas": (csv(sep=";", decimal=","), "read with semicolons and decimal commas; 40 rows"),
    "tabs": (csv(sep="\t"), "read with tabs"),
    "UTF-16": (csv().encode("utf-16"), "as UTF-16"),
    "latin-1": (csv(lambda t: t.replace("flat", "µm", 1)).encode("latin-1"), "as Windows-1252"),
    "one bad row, left out": (csv(lambda t: t + "40,1 year,2,3,4,7\n"), "left out: 1 bad cell in 1 of 41 rows (line 42, column 'h1': '1 year')"),
    "a short row, left out": (csv(lambda t: t + "1,2,3\n"), "left out: 1 bad cell in 1 of 41 rows (line 42: 3 cells)"),
}

@pytest.mark.parametrize("kind", READ)
def test_table_of_another_kind(kind, trained, folder, capsys, monkeypatch):
    "The answer is that of the plain table, to the last digit"
    content, says = READ[kind]
    Path("data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    command("data.csv", **{**GOOD, "model": str(trained/"mine")}, drop_bad_rows=True)
    assert Path("found.csv").read_text() == (trained/"found.csv").read_text()
    assert says in read_table("data.csv").said() or "left out" in says
    monkeypatch.setattr("invnb.use.solver.default_surrogate", lambda calls: Network(epochs=2))
    command("data.csv", **GOOD, drop_bad_rows=True)
    assert says in capsys.readouterr().out


def test_two_files_without_names(trained, folder, capsys):
    "Designs and measurements as arrays, targets as an array: the same answer, with other names"
    table = good_table()
    np.save("x.npy", table[["h1", "h2"]]); np.save("y.npy", table[["s1", "s2"]]); np.save("wanted.npy", table[["s1", "s2"]].head(2))
    rest = dict(target="wanted.npy", n="3", method="ranked_search")
    command("x.npy", "y.npy", **rest, out="found.csv")
    assert "x.npy and y.npy: read row by row; 40 rows, 4 columns" in capsys.readouterr().out
    found, want = pd.read_csv("found.csv"), pd.read_csv(trained/"found.csv")
    assert list(found) == ["target", "rank", "x1", "x2", "predicted_error", "chance", "measured", "y1_lower", "y1_upper", "y2_lower", "y2_upper"] and np.array_equal(found, want)
    np.savez("data.npz", x=table[["h1", "h2"]], y=table[["s1", "s2"]])
    command("data.npz", **rest, out="again.csv")
    assert Path("again.csv").read_text() == Path("found.csv").read_text()


def test_interrupted(folder, capsys, monkeypatch):
    "Ctrl-C while it trains: one line, and no file"
    def stop(*_, **__): signal.raise_signal(signal.SIGINT)
    monkeypatch.setattr("invnb.use.solver.train_both", stop)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)          # a shell that starts the tests in the background lets them ignore it
    try:
        with pytest.raises(SystemExit) as stopped: command("data.csv", **GOOD)
    finally: signal.signal(signal.SIGINT, before)
    assert stopped.value.code == 130 and "invnb: stopped before the candidates were written" in capsys.readouterr().err and not Path("found.csv").exists()


OPTIONS = {  # what differs from the good call -> what the line must say
    "no file": (dict(data="none.csv"), ["none.csv", "found none"]),
    "a folder": (dict(data="folder.csv"), ["folder"]),
    "misspelt option": (dict(targets="wanted.csv"), ["--targets", "--help"]),
    "option without a value": (dict(data="--n"), ["expected one argument"]),
    "no data": (dict(data=None), ["data:", "got none"]),
    "no workbook": (dict(data="data.xlsx"), ["data.xlsx: expected an Excel workbook"]),
    "three files": (dict(data="data.csv", more=("data.csv", "data.csv")), ["data: expected one table, or two", "got 3"]),
    "a file twice": (dict(data="data.csv", more=("data.csv",)), ["data.csv and data.csv", "'id' in both"]),
    "no x": (dict(x=None), ["--x", "id, h1, h2, s1, s2, flat"]),
    "no y": (dict(y=""), ["--y", "id, h1, h2, s1, s2, flat"]),
    "unknown x": (dict(x="h1,h3"), ["--x", "'h3'", "did you mean"]),
    "other case": (dict(x="H1,h2"), ["did you mean 'h1'"]),
    "unknown end of a range": (dict(y="s1:s9"), ["--y", "'s9'", "did you mean"]),
    "range backwards": (dict(y="s2:s1"), ["left to right", "s1:s2"]),
    "x twice": (dict(x="h1,h1:h2"), ["'h1' twice"]),
    "x in y": (dict(y="h2:s2"), ["'h2' in both"]),
    "x has a name of the output": (dict(data="own.csv", x="chance"), ["--x: expected other names", "got 'chance'"]),
    "x has a name of an interval": (dict(data="own.csv", x="s1_lower"), ["got 's1_lower'"]),
    "constant y": (dict(y="flat", target="flat.csv"), ["expected numbers that vary", "flat"]),
    "no target": (dict(target=None), ["--target"]),
    "target not there": (dict(target="wnated.csv"), ["wnated.csv", "found none"]),
    "target lacks a column": (dict(target="lacks.csv"), ["no column 's2'", "add it"]),
    "target misspelt": (dict(target="misspelt.csv"), ["no column 's2'", "rename 's_2'"]),
    "target has more": (dict(target="more.csv"), ["'id' as well", "remove it"]),
    "target without rows": (dict(target="norows.csv"), ["at least one row"]),
    "target empty": (dict(target="empty.csv"), ["empty file"]),
    "target of gaps": (dict(target="gap.csv"), ["gap.csv, line 3: expected at least one measurement that matters", "(s1, s2)"]),
    "n = 0": (dict(n="0"), ["--n", "at least 1", "'0'"]),
    "n = 2.5": (dict(n="2.5"), ["--n", "whole number", "'2.5'"]),
    "n = ten": (dict(n="ten"), ["--n", "'ten'"]),
    "seed": (dict(seed="-1"), ["--seed", "at least 0"]),
    "unknown method": (dict(method="magic"), ["--method", "neural_adjoint", "'magic'"]),
    "method that asks": (dict(method="closed_loop"), ["closed_loop, which asks a simulator", "neural_adjoint"]),
    "out in no folder": (dict(out="none/found.csv"), ["--out", "none", "make it"]),
    "out is a folder": (dict(out="folder.csv"), ["--out", "folder"]),
    "out of another kind": (dict(out="found.txt"), ["--out", "found.txt", ".csv or .parquet"]),
    "out is the table": (dict(out="data.csv"), ["--out", "which is read"]),
    "out by default exists": (dict(out=None), ["candidates.csv", "--out"]),
    "bounds lack a column": (dict(bounds="bounds_lack.csv"), ["bounds_lack.csv", "'h2'"]),
    "bounds upside down": (dict(bounds="bounds_swap.csv"), ["'h2'", "0.9 above 0.1", "exchange"]),
    "bounds of three rows": (dict(bounds="bounds_three.csv"), ["two rows", "got 3"]),
    "model is a file": (dict(model="data.csv"), ["--model", "the file data.csv"]),
    "model in no folder": (dict(model="none/mine"), ["--model", "make it"]),
    "model in a folder of other things": (dict(model="other"), ["--model", "other things"]),
}
FILES = {"lacks.csv": "s1\n1\n", "misspelt.csv": "s1,s_2\n1,2\n", "more.csv": "id,s1,s2\n1,2,3\n", "norows.csv": "s1,s2\n", "empty.csv": "", "gap.csv": "s1,s2\n1,\nn/a,n/a\n", "flat.csv": "flat\n7\n",
         "bounds_lack.csv": "h1\n0\n1\n", "bounds_swap.csv": "h1,h2\n0,0.9\n1,0.1\n", "bounds_three.csv": "h1,h2\n0,0\n1,1\n2,2\n", "candidates.csv": "mine", "data.xlsx": "", "other/thing.txt": ""}


@pytest.mark.parametrize("kind", OPTIONS)
def test_bad_option(kind, folder, capsys):
    Path("folder.csv").mkdir(); Path("other").mkdir()
    for name, text in FILES.items(): Path(name).write_text(text)
    good_table().rename(columns=dict(h1="chance", h2="s1_lower")).to_csv("own.csv", index=False)
    options, says = OPTIONS[kind]
    given = {**GOOD, "data": "data.csv", **options}
    line = refused(capsys, given.pop("data"), *given.pop("more", ()), **given)
    assert [word for word in says if word not in line] == [], line


def test_read_only_folder(folder, capsys, monkeypatch):
    monkeypatch.setattr("invnb.use.table.os.access", lambda *_: False)                 # root may write anywhere
    assert "read-only" in refused(capsys, "data.csv", **GOOD)


def test_parquet(folder, capsys, monkeypatch):
    pytest.importorskip("pyarrow")
    Path("bad.parquet").write_text("no")
    assert "expected a Parquet file" in refused(capsys, "bad.parquet", **GOOD)
    good_table().assign(h1=[None] + ["0.5"]*39).to_parquet("data.parquet")
    assert "row 1, column 'h1'" in refused(capsys, "data.parquet", **GOOD)
    monkeypatch.setattr("invnb.use.table.find_spec", lambda name: None)
    Path("data.xlsx").touch()
    assert "pip install 'invnb[excel]'" in refused(capsys, "data.xlsx", **GOOD)
    Path("data.xlsx").unlink()
    for given in (dict(data="data.parquet", out="found.csv"), dict(data="data.csv", out="found.parquet")):
        assert "pip install 'invnb[parquet]'" in refused(capsys, given["data"], **{**GOOD, "out": given["out"]})


def test_model_and_its_mistakes(trained, folder, capsys):
    import shutil
    shutil.copytree(trained/"mine", "mine")
    want = (trained/"found.csv").read_text()
    command(model="mine", target="wanted.csv", n="3", out="found.csv")                                 # neither table nor training
    assert Path("found.csv").read_text() == want
    command("data.csv", **{**GOOD, "out": "again.csv"}, model="mine")                                  # the command that trained it
    assert Path("again.csv").read_text() == want
    capsys.readouterr()
    call = lambda data=None, **options: refused(capsys, data, **{**dict(model="mine", target="wanted.csv", out="bad.csv"), **options})
    assert "--x: expected the columns of the model in mine (h1, h2), got h1" in call(x="h1")
    assert "--method: expected ranked_search" in call(method="mdn")
    assert "is wider" not in call(bounds="wanted.csv")
    good_table(50).to_csv("grown.csv", index=False)
    assert "(40 rows), got another (50 rows)" in call("grown.csv")
    good_table().rename(columns=dict(h1="g1")).to_csv("renamed.csv", index=False)
    assert "expected the columns of the model" in call("renamed.csv")
    good_table()[["s1", "h1"]].to_csv("other.csv", index=False)
    assert "no column 's2'" in call(target="other.csv")
    facts = json.loads(Path("mine/solver.json").read_text())
    for name, content in {"solver.json": "{", "config.json": "[]", "judge/model.safetensors": "no", "model.safetensors": "", "table.safetensors": ""}.items():
        kept = Path("mine", name).read_bytes()
        Path("mine", name).write_text(content)
        assert "--model: expected a folder that invnb_solve wrote, got mine, which is damaged" in call()
        Path("mine", name).unlink()
        if name != "solver.json": assert "which is damaged" in call()
        Path("mine", name).write_bytes(kept)
    Path("mine/solver.json").write_text(json.dumps({**facts, "x": ["h1"]}))
    assert "which is damaged" in call()


def test_what_is_written(trained):
    found = pd.read_csv(trained/"found.csv")
    assert list(found) == ["target", "rank", "h1", "h2", "predicted_error", "chance", "measured", "s1_lower", "s1_upper", "s2_lower", "s2_upper"]
    assert found.target.tolist() == [1, 1, 1, 2, 2, 2] and found["rank"].tolist() == [1, 2, 3]*2
    table = good_table()
    for name in ("h1", "h2"): assert found[name].between(table[name].min(), table[name].max()).all()
    for _, part in found.groupby("target"): assert part.predicted_error.is_monotonic_increasing
    h = found[["h1", "h2"]].to_numpy()
    y = np.stack([h.sum(1), h.prod(1)], 1)
    true = np.square(y - table[["s1", "s2"]].to_numpy()[found.target - 1]).mean(1)
    for i, name in enumerate(("s1", "s2")): assert np.mean((found[f"{name}_lower"] - 1e-9 < y[:, i]) & (y[:, i] < found[f"{name}_upper"] + 1e-9)) > .5
    assert found.chance.between(0, 1).all() and found.measured.tolist()[::3] == ["yes"]*2 and (h[::3] == table[["h1", "h2"]].head(2).to_numpy()).all()      # the targets are rows of the table
    assert true.max() < .01 < table[["s1", "s2"]].var().mean()
    assert sorted(p.name for p in trained.iterdir()) == ["data.csv", "found.csv", "mine", "wanted.csv"]      # no half-written file stays


def test_out_of_reach_is_said_in_one_line(trained, folder, capsys):
    "Two targets of which no design can meet the second, although both are inside the box of measurements"
    Path("far.csv").write_text("s2,s1\n0.2,0.9\n0.6,0.9\n")
    command(model=str(trained/"mine"), target="far.csv", n="1", out="found.csv")
    out, err = capsys.readouterr()
    assert err.startswith("invnb: warning: far.csv, line 3: met with a chance of 0 only; 1 of 2 targets have less than 0.05") and err.count("\n") == 1
    assert max(map(len, out.splitlines())) <= 100


def test_names_bounds_and_bom(folder, capsys, monkeypatch):
    "Spaces and units in names, a byte order mark, bounds that fix a parameter, a column that is constant, text in a column that is not used"
    monkeypatch.setattr("invnb.use.solver.default_surrogate", lambda calls: Network(epochs=20))
    good_table().rename(columns=dict(h1="radius (um)", s1="400", flat="500")).assign(note="a, b").to_csv("data.csv", index=False, encoding="utf-8-sig", lineterminator="\r\n")
    Path("wanted.csv").write_text('500,400,s2\n7,1,0.2\n\n')
    Path("bounds.csv").write_text("h2,radius (um)\n0.25,0.1\n0.25,0.9\n")
    command("data.csv", x="radius (um), h2", y="400:500", target="wanted.csv", n="2", out="found.csv", bounds="bounds.csv", method="ranked_search")
    found = pd.read_csv("found.csv")
    assert list(found)[2:4] == ["radius (um)", "h2"] and (found.h2 == .25).all() and found["radius (um)"].between(.1, .9).all()
    assert capsys.readouterr().err == ""


def test_the_command_itself(trained, folder):
    "In processes of its own: a good call gives the numbers of another process, and three mistakes"
    def shell(*args): return subprocess.run([Path(sys.executable).with_name("invnb_solve"), *args], capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    call = ["data.csv", "--x", "h1,h2", "--y", "s1:s2", "--target", "wanted.csv", "--n", "3", "--method", "ranked_search"]
    done = shell(*call)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith("data.csv: read with commas; 40 rows, 6 columns\n")
    assert "candidates.csv: 6 candidates for 2 targets" in done.stdout and "R^2" in done.stdout and max(map(len, done.stdout.splitlines())) <= 100
    assert Path("candidates.csv").read_text() == (trained/"found.csv").read_text()
    for args, says in {(*call,): "found one; name it with --out", ("none.csv", *call[1:]): "found none", (*call[:-1], "direct_search", "--out", "bad.csv"): "which asks a simulator"}.items():
        bad = shell(*args)
        assert (bad.returncode, bad.stdout, bad.stderr.count("\n")) == (2, "", 1) and bad.stderr.startswith("invnb: ") and says in bad.stderr, bad.stderr
    assert not Path("bad.csv").exists()


# ---- problems as people have them, each with its truth ----

def two_units(x):
    "A modulus around 1e9 beside a ratio of 1 to 3"
    return np.stack([8e8 + 3e8*x[:, 0] + 2e8*np.square(x[:, 1]) + 1e8*np.cos(4*x[:, 2]), 1 + 1.5*x[:, 3] + .5*x[:, 1]*x[:, 3]], 1)

def leakage(x):
    "A current over twelve decades, from a thickness, a doping of six decades and a voltage"
    return 10**(-13 + 1.2*np.log10(x[:, 1]/1e14) + .9*x[:, 2] - .25*x[:, 0])[:, None]

def coating(x):
    "Reflectance of one film on a substrate, at 40 wavelengths, by Airy's formula"
    index, base, wave = 2.2, 3.8, np.linspace(450, 900, 40)
    first, second, phase = (1 - index)/(1 + index), (index - base)/(index + base), np.exp(4j*np.pi*index*x/wave)
    return np.abs((first + second*phase)/(1 + first*second*phase))**2

def designs(what, n, seed):
    rng = np.random.default_rng(seed)
    return {two_units: lambda: rng.random((n, 4)), coating: lambda: rng.uniform(0, 2000, (n, 1)),
            leakage: lambda: np.c_[rng.uniform(1, 10, n), 10**rng.uniform(14, 20, n), rng.uniform(0, 5, n)]}[what]()

def missed(what, found, true):
    "Median over wishes: shares of the range, nm, decades"
    if what is coating: return np.median(np.abs(found - true))
    y, wanted = what(found), what(true)
    if what is leakage: return np.median(np.abs(np.log10(y/wanted)))
    return np.median(np.abs(y - wanted)/np.ptp(what(designs(what, 999, 5)), axis=0), axis=0).max()

CASES = {two_units: (400, .002), leakage: (500, .01), coating: (600, 1.)}       # rows; what may be missed: a share of the range, decades, nm. Measured: see test_cases

@pytest.mark.parametrize("what", CASES, ids=lambda what: what.__name__)
@pytest.mark.parametrize("how", ["method", "command"])
def test_cases(what, how, tmp_path, monkeypatch):
    from invnb.core import Data
    from invnb.methods.neural_adjoint import NeuralAdjoint
    rows, allowed = CASES[what]
    x, true = designs(what, rows, 0), designs(what, 30, 1)
    if how == "method":
        method = NeuralAdjoint().fit(Data(x, what(x)), progress=False)
        found, r2 = method.propose(what(true), 3)[:, 0].numpy(), method.surrogate.net.r2.min()
        assert r2 > .99, method.surrogate.why
    else:
        monkeypatch.chdir(tmp_path)
        for name, array in dict(x=x, y=what(x), wanted=what(true)).items(): np.save(name, array)
        command("x.npy", "y.npy", target="wanted.npy", n="3", out="found.csv")
        answer = pd.read_csv("found.csv")
        assert answer.chance[answer["rank"] == 1].median() > .9
        found = answer[answer["rank"] == 1].filter(regex="^x").to_numpy()
    assert missed(what, found, true) < allowed, missed(what, found, true)


@pytest.mark.parametrize("side, column", [("x", 0), ("x", 1), ("y", 0), ("y", 1)])
@pytest.mark.parametrize("change", [lambda v: 1e9*v, lambda v: v + 1e6, lambda v: 1e-9*v], ids=["1e9 times", "1e6 more", "1e-9 times"])
def test_units_change_no_design(side, column, change):
    "One column in another unit, or from another zero: the same designs, but for rounding"
    from invnb.core import Data
    from invnb.methods.neural_adjoint import NeuralAdjoint
    from invnb.methods.process import GaussianProcess
    x = np.random.default_rng(0).random((40, 2))
    y = np.stack([x.sum(1) + np.sin(3*x[:, 0]), x.prod(1)], 1)
    wanted = y[:5] + .01
    propose = lambda x, y, wanted: NeuralAdjoint(GaussianProcess()).fit(Data(x, y), progress=False).propose(wanted, 2).numpy()
    plain = propose(x, y, wanted)
    def changed(v, other):
        if side != other: return v
        v = v.copy(); v[..., column] = change(v[..., column]); return v
    found = propose(changed(x, "x"), changed(y, "y"), changed(wanted, "y"))
    assert np.allclose(found, changed(plain, "x"), rtol=1e-9, atol=0) or np.allclose((found - changed(plain, "x"))/np.ptp(changed(x, "x"), axis=0), 0, atol=1e-4)
