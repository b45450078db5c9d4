"invnb_solve: wishes that are more than numbers, and designs that are more than boxes; what may be wrong with them, each in one line, and what comes out"
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_solve import command, refused

METALS = {"copper": .4, "iron": .1, "silver": .7}
CALL = dict(x="a:phase", y="p,q,heading", target="wanted.csv", n="3", out="found.csv", method="ranked_search")
SAID = dict(rule="a + b + c == 1", whole="n", levels="d=10,20,50", choices="metal", period=["phase=360", "heading=360"])


def truth(t):
    "Three measurements of a table of designs"
    metal = t.metal.map(METALS) if t.metal.dtype == object or str(t.metal.dtype).startswith("str") else t.metal
    heading = (t.phase + 90*t.a + 180) % 360 - 180
    return pd.DataFrame(dict(p=t.a + .5*t.b + .1*t.n + metal, q=t.c*t.d/50 + .2*np.cos(np.radians(t.phase)), heading=heading))


def many(rows=120):
    rng = np.random.default_rng(0)
    parts = rng.dirichlet(np.ones(3), rows).round(3)
    t = pd.DataFrame(parts, columns=list("abc")).assign(c=(1 - parts[:, 0] - parts[:, 1]).round(3))
    t = t.assign(n=rng.integers(1, 6, rows), d=rng.choice([10, 20, 50], rows), metal=rng.choice(list(METALS), rows), phase=rng.uniform(-180, 180, rows).round(1))
    return pd.concat([t, truth(t)], axis=1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many().to_csv("data.csv", index=False)
    Path("wanted.csv").write_text("p,q,heading\n>=0.9,0.2..0.4,\n0.8+-0.1,,179\n")
    return tmp_path


def call(**more):
    "The options of a call, those that may be repeated as lists"
    return {name: value for name, value in {**CALL, **SAID, **more}.items() if value is not None}

def run(data="data.csv", **options):
    "`command`, with options that are given several times"
    once = {name: value for name, value in options.items() if not isinstance(value, list)}
    words = [word for name, values in options.items() if isinstance(values, list) for value in values for word in (f"--{name}", value)]
    command(data, *words, **once)

BOX = "a,b,c,n,d,phase\n0,0,0,1,10,-180\n{a},1,1,5,50,180\n"
BAD = {      # what differs from the good call, and files -> what the line must say
    "contradictory rules": (dict(rule=["a + b + c == 1", "a + b >= 2"]), ["--rule: expected at least one design that keeps all of them", "'a + b >= 2' leaves none", "'a + b + c == 1'"]),
    "a rule outside the bounds": (dict(rule="a + b + c == 7"), ["--rule: expected at least one design that keeps 'a + b + c == 7'"]),
    "unknown name in a rule": (dict(rule="a + resin == 1"), ["--rule: expected names among", "'resin'"]),
    "a rule that is no comparison": (dict(rule="a + b"), ["--rule", "comparison", "'a + b'"]),
    "a product in a rule": (dict(rule="a*b == 1"), ["--rule: expected sums of columns times numbers", "'a*b == 1'"]),
    "code in a rule": (dict(rule="__import__('os').system('ls') == 1"), ["--rule", "__import__"]),
    "unknown whole": (dict(whole="m"), ["--whole: expected the name of a column, got 'm'"]),
    "whole and levels": (dict(whole="n,d"), ["--whole", "--levels", "'d' in several"]),
    "unknown level": (dict(levels="e=1,2"), ["--levels: expected the name of a column, got 'e'"]),
    "level that is no number": (dict(levels="d=10,ten"), ["--levels: expected a column and numbers", "'d=10,ten'"]),
    "level outside the bounds": (dict(levels="d=10,60"), ["--levels: expected values of 'd' from 10 to 50, got 60", "--bounds"]),
    "levels twice": (dict(levels=["d=10", "d=20"]), ["--levels", "'d' twice"]),
    "unknown period": (dict(period="angle=360"), ["--period: expected the name of a column, got 'angle'"]),
    "period of 0": (dict(period="phase=0"), ["--period: expected one number above 0 for 'phase', got 0"]),
    "unknown weight": (dict(weight="r=2"), ["--weight: expected the name of a column, got 'r'"]),
    "weight below 0": (dict(weight="p=-1"), ["--weight: expected one number of at least 0 for 'p', got -1"]),
    "nothing has a weight": (dict(weight="p=0,q=0"), ["wanted.csv, line 2", "matters", "weight"]),
    "words that nobody named": (dict(choices=None), ["data.csv, column 'metal': expected numbers, got text", "--choices metal"]),
    "unknown choices": (dict(choices="metals"), ["--choices", "'metals'", "did you mean 'metal'"]),
    "empty space": (dict(bounds="box.csv", files={"box.csv": BOX.format(a=.2), "wanted.csv": "p,q,heading\n1,1,1\n"}, rule=["a + b + c == 1", "a >= 0.5"]), ["--rule", "'a >= 0.5'", "got none"]),
    "a range upside down": (dict(files={"wanted.csv": "p,q,heading\n1,0.4..0.3,0\n"}), ["wanted.csv, line 2, column 'q'", "got 0.4 above 0.3", "exchange"]),
    "half a condition": (dict(files={"wanted.csv": "p,q,heading\n1,1,1\n1,>=,0\n"}), ["wanted.csv, line 3, column 'q'", "0.35+-0.02", "'>='"]),
    "an unreadable cell": (dict(files={"wanted.csv": "p,q,heading\n1,high,0\n"}), ["wanted.csv, line 2, column 'q'", "'high'"]),
    "nothing matters": (dict(files={"wanted.csv": "a,p,q,heading\n0.2,1,1,0\n0.3,,,\n"}), ["wanted.csv, line 3: expected at least one measurement that matters"]),
    "given outside its bounds": (dict(files={"wanted.csv": "n,p,q,heading\n,1,1,0\n9,1,1,0\n"}), ["wanted.csv, line 3, column 'n': expected a number from 1 to 5, got 9"]),
    "given no level": (dict(files={"wanted.csv": "d,p,q,heading\n15,1,1,0\n"}), ["wanted.csv, line 2", "d=15"]),
    "given against a rule": (dict(files={"wanted.csv": "a,b,p,q,heading\n0.9,0.9,1,1,0\n"}), ["wanted.csv, line 2", "a=0.9, b=0.9", "a + b + c == 1"]),
    "a word that is no choice": (dict(files={"wanted.csv": "metal,p,q,heading\ntin,1,1,0\n"}), ["wanted.csv, line 2, column 'metal': expected one of copper, iron, silver, got 'tin'"]),
    "a word for a number": (dict(files={"wanted.csv": "n,p,q,heading\nmany,1,1,0\n"}), ["wanted.csv, line 2, column 'n'", "got many"]),
}

@pytest.mark.parametrize("kind", BAD)
def test_bad_wish_or_space(kind, folder, capsys):
    options, says = BAD[kind]
    options = dict(options)
    for name, text in options.pop("files", {}).items(): Path(name).write_text(text)
    given = call(**options)
    once = {name: value for name, value in given.items() if not isinstance(value, list)}
    line = refused(capsys, "data.csv", *(word for name, values in given.items() if isinstance(values, list) for value in values for word in (f"--{name}", value)), **once)
    assert [word for word in says if word not in line] == [], line


def keeps(found):
    "Every candidate can be built, checked without the package"
    assert (np.abs(found[["a", "b", "c"]].sum(axis=1) - 1) < 1e-9).all() and (found[["a", "b", "c"]] >= 0).to_numpy().all()
    assert found.n.dtype == int and found.n.between(1, 5).all() and set(found.d) <= {10, 20, 50}
    assert set(found.metal) <= set(METALS) and found.phase.between(-180, 180).all()


def test_everything_at_once(folder, capsys):
    "Wishes, a rule, whole numbers, levels, words and angles; given inputs without training, and what a model keeps"
    run(**call(model="mine", method="neural_adjoint"))
    found = pd.read_csv("found.csv")
    keeps(found)
    assert found.target.tolist() == [1]*3 + [2]*3 and found["rank"].tolist() == [1, 2, 3]*2
    first = found[found["rank"] == 1]
    y = truth(first.reset_index(drop=True))
    assert y.p[0] > .85 and .15 < y.q[0] < .45 and .65 < y.p[1] < .95 and abs((y.heading[1] - 179 + 180) % 360 - 180) < 15     # a hundred rows
    assert found.chance.between(0, 1).all() and (first.chance > .3).all()
    said = capsys.readouterr().out
    assert "each column that matters" in said and "text in metal" not in said
    Path("given.csv").write_text("n,metal,p,q,heading\n2,iron,>=0.5,,\n,,1,,\n2,iron,0.6..0.8,0.1,\n")
    command(model="mine", target="given.csv", n="4", out="held.csv")
    held = pd.read_csv("held.csv")
    keeps(held)
    assert held.target.tolist() == [1]*4 + [2]*4 + [3]*4 and (held.n[held.target != 2] == 2).all() and (held.metal[held.target != 2] == "iron").all()
    assert (held.metal[held.target == 2] != "iron").any() or (held.n[held.target == 2] != 2).any()
    command("data.csv", **{**CALL, "target": "given.csv", "method": "neural_adjoint", "n": "4", "out": "again.csv"}, model="mine", **{name: SAID[name] for name in ("rule", "whole", "levels", "choices")})
    assert Path("again.csv").read_text() == Path("held.csv").read_text()
    capsys.readouterr()
    for options, says in {("rule", "a <= b"): "--rule: expected that of the model in mine (a + b + c == 1), got a <= b", ("whole", "d"): "--whole: expected that of the model in mine (n), got d",
                          ("levels", "d=10"): "(d=10,20,50), got d=10", ("choices", "n"): "(metal), got n", ("period", "q=1"): "(phase=360, heading=360), got q=1"}.items():
        assert says in refused(capsys, model="mine", target="given.csv", out="bad.csv", **dict([options]))


def test_weights_and_one_sided(folder):
    "What counts more is missed less; a weight of 0 is an empty cell"
    plain = {**CALL, "x": "a,b", "y": "p,q"}
    Path("wanted.csv").write_text("p,q\n5,-5\n")                       # both are out of reach, in opposite directions
    where = {}
    for weight in ("p=1,q=0", "p=100,q=1", "p=1,q=1", "p=1,q=100"):
        command("data.csv", **plain, weight=weight)
        where[weight] = pd.read_csv("found.csv").iloc[0]
    assert where["p=1,q=0"].predicted_error >= 0
    Path("wanted.csv").write_text("p,q\n5,\n")
    command("data.csv", **plain)
    assert pd.read_csv("found.csv").iloc[0][["a", "b"]].equals(where["p=1,q=0"][["a", "b"]])
    assert where["p=100,q=1"].p_lower >= where["p=1,q=100"].p_lower


def test_what_is_noticed(folder, capsys):
    "Whole numbers, levels and a sum are proposed, and not once they are said"
    command("data.csv", **CALL, choices="metal", period="phase=360")
    said = capsys.readouterr().out
    for line in ("n: whole numbers in every row: --whole n", "d has 3 values only: --levels d=10,20,50", 'in every row a + b + c == 1: --rule "a + b + c == 1"'): assert line in said.splitlines()
    run(**call())
    assert "in every row" not in capsys.readouterr().out


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_lucky_row_of_a_noisy_table_is_not_believed(seed, folder):
    "Of sixty rows one measured what no design reaches: its chance to do so again is small, and so is what is said of it (the measurement itself promises 0.55)"
    r = np.random.default_rng(seed)
    t = pd.DataFrame(r.uniform(0, 1, (60, 2)).round(4), columns=["a", "b"])
    t["y"] = (50 + 20*np.sin(3*t.a) + 10*t.b + 4*r.standard_normal(60)).round(2)
    t.to_csv("noisy.csv", index=False)
    Path("high.csv").write_text(f"y\n>={t.y.max() - .5:.2f}\n")
    command("noisy.csv", x="a,b", y="y", target="high.csv", n="3", out="found.csv")
    assert pd.read_csv("found.csv").chance.max() < .4
