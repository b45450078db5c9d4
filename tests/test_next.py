"invnb_next: a laboratory fills in what it measured, with a spreadsheet, twice, out of order, and two people at once; nothing is lost and nothing is bought twice"
import csv, io, os, random, signal, subprocess, sys, time, warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from invnb.core import stream
from invnb.methods.campaign import Campaign
from invnb.methods.method import method_registry
from invnb.use.campaign import invnb_next, open_campaign, read_folder
from invnb.wish import as_wish


class NearBest(Campaign):
    "Near the best design of each target, or anywhere: no method of the package, but quick"
    def choose(self, n):
        turn = len(self) + len(self.pending.x)
        g = stream("near best", self.seed, turn)
        best, left = self.best(), (~self.closed).nonzero()[:, 0]
        if not len(left): return torch.empty(0, self.dx), torch.empty(0).long()
        payer = left[(torch.arange(n or 1) + turn) % len(left)]
        x = self.space.sample(len(payer), g)
        known = best.error[payer].isfinite() & (torch.rand(len(payer), generator=g) < .7)
        if known.any():
            width = .3 * best.error[payer].sqrt().clamp(1e-4, 1)[:, None]
            near = best.x[payer] + width * self.space.half() * torch.randn(x.shape, generator=g, dtype=torch.float64)
            x[known] = self.space.nearest(near[known])
        return x, payer


@dataclass
class Quick:
    "A stand-in that begins with nothing"
    def start(self, wish, space=None, seed=0, tolerance=None, budget=100):
        campaign = NearBest(as_wish(wish), space.dx, space, None, tolerance)
        campaign.seed = seed
        return campaign


@pytest.fixture(autouse=True)
def quick(monkeypatch): monkeypatch.setitem(method_registry.makers, "quick", Quick)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("wanted.csv").write_text("p,q\n0.7..0.75,\n1.2..1.3,0.3..0.35\n")
    return Path("oven")


DESIGN = ["a,b=0..1", "metal=iron,tin"]

def command(*words, **options):
    "`invnb_next` in this process"
    more = [word for name, values in options.items() for value in (values if isinstance(values, list) else [values]) for word in (f"--{name}", str(value))]
    invnb_next(["oven", *words, *more])

def begin(**options): command(**{**dict(wish="wanted.csv", design=DESIGN, method="quick", n=6), **options})
def rows(name): return list(csv.DictReader(io.StringIO((Path("oven") / name).read_text())))
def put(name, table, **how): pd.DataFrame(table).to_csv(Path("oven") / name, index=False, **how)

def truth(row):
    a, b = float(row["a"]), float(row["b"])
    return dict(p=a + b + .1 * (row["metal"] == "tin"), q=a * b)

def filled(table): return [{**row, **{k: repr(v) for k, v in truth(row).items()}} for row in table]

def whole():
    "Every file can be read, and every row of the book is true"
    plan, wanted, journal = read_folder("oven")
    numbers = [row.number for row in journal.told]
    assert len(set(numbers)) == len(numbers) and not set(numbers) & {row.number for row in journal.asked}
    for row in journal.told:
        if not np.isnan(row.y).any(): assert np.allclose(row.y, [row.x[0] + row.x[1] + .1 * row.x[2], row.x[0] * row.x[1]], atol=1e-3)
    return journal


def test_rounds_until_it_says_stop(folder, capsys):
    "A laboratory that fills in next.csv, plate by plate"
    begin(tolerance="1e-5")
    said = capsys.readouterr().out
    assert "oven/next.csv: 6 designs to measure, numbers 1 to 6" in said and said.splitlines()[1] == "0 measurements; 6 to come"
    assert (Path("oven") / "results.csv").read_text() == "number,target,a,b,metal,p,q\n"
    for turn in range(40):
        table = rows("next.csv")
        assert [int(row["number"]) for row in table] == list(range(1 + 6 * turn, 7 + 6 * turn)) and {row["p"] for row in table} == {""}
        put("next.csv", filled(table))
        command()
        said = capsys.readouterr().out
        assert said.startswith(f"6 new measurements\n{6 * (turn + 1)} measurements; ")
        if "stop: all 2 targets are reached" in said: break
    assert turn < 39 and "oven/next.csv: nothing to measure" in said and rows("next.csv") == []
    assert open_campaign("oven").closed.all() and len(whole().told) == 6 * (turn + 1)


EDITS = {      # what somebody does to a filled plate before it is read
    "as it is": lambda t: t.to_csv(index=False),
    "in another order": lambda t: t.sample(frac=1, random_state=0).to_csv(index=False),
    "columns in another order": lambda t: t[["q", "metal", "number", "b", "p", "a"]].to_csv(index=False),
    "every row twice": lambda t: pd.concat([t, t]).to_csv(index=False),
    "without numbers": lambda t: t.drop(columns=["number", "target"]).to_csv(index=False),
    "numbers only": lambda t: t[["number", "p", "q"]].to_csv(index=False),
    "with remarks": lambda t: t.assign(date="Monday", by="Ann; Bob").to_csv(index=False),
    "decimal commas": lambda t: t.map(lambda v: str(v).replace(".", ",")).to_csv(index=False, sep=";"),
    "four digits of the design": lambda t: t.assign(a=t.a.astype(float).round(4), b=t.b.astype(float).round(4)).to_csv(index=False),
    "four digits, without numbers": lambda t: t.drop(columns=["number"]).assign(a=t.a.astype(float).round(4), b=t.b.astype(float).round(4)).to_csv(index=False),
    "tabs and spaces": lambda t: t.to_csv(index=False, sep="\t").replace("\t", " \t"),
    "as UTF-16": lambda t: t.to_csv(index=False).encode("utf-16"),
}

@pytest.mark.parametrize("file", ["next.csv", "results.csv"])
@pytest.mark.parametrize("kind", EDITS)
def test_rows_edited_by_hand(kind, file, folder, capsys):
    "However the plate is written, the book holds the same afterwards"
    begin()
    asked = read_folder("oven").journal.asked
    text = EDITS[kind](pd.DataFrame(filled(rows("next.csv"))))
    (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    command()
    assert "6 new measurements" in capsys.readouterr().out
    journal = read_folder("oven").journal
    assert sorted(row.number for row in journal.told) == [1, 2, 3, 4, 5, 6] and {row.target for row in journal.told} == {1, 2}
    for row in journal.told:
        assert np.array_equal(row.x, asked[row.number - 1].x) and row.target == asked[row.number - 1].target
        assert np.allclose(row.y, list(truth(dict(a=row.x[0], b=row.x[1], metal="tin" if row.x[2] else "iron")).values()), atol=1e-12)
    assert [row.number for row in journal.asked] == [7, 8, 9, 10, 11, 12]
    before = (folder / "measured.csv").read_bytes()
    command()
    assert "new measurement" not in capsys.readouterr().out and (folder / "measured.csv").read_bytes() == before
    if kind == "decimal commas": assert (folder / "next.csv").read_text().startswith("number;target;a;b;metal;p;q\n7;")


def test_what_is_measured_in_parts_is_kept(folder, capsys):
    "A cell of next.csv stays while others are still to come; a remark in it is not needed; what failed in one column keeps the other"
    begin(n=3)
    table = rows("next.csv")
    put("next.csv", [{**table[0], "p": "0.71", "remark": "q tomorrow"}, *table[1:]])
    command()
    assert "number 1 waits for the rest of its measurements" in capsys.readouterr().out
    assert [(row["p"], row["q"]) for row in rows("next.csv")] == [("0.71", ""), ("", ""), ("", "")]
    put("results.csv", [dict(number=1, p="", q=.2), dict(number=2, p="failed", q=.3)])
    command(n=0)
    assert "2 new measurements (1 failed)" in capsys.readouterr().out
    assert [(row["p"], row["q"]) for row in rows("measured.csv")] == [("0.71", "0.2"), ("failed", "0.3"), ("", "")]
    put("results.csv", [dict(number=1, p=.72, q=.2)])
    command(n=0)
    assert "number 1: 0.71, 0.2 becomes 0.72, 0.2" in capsys.readouterr().out


def test_rows_outside_teach_and_are_no_answers(folder, capsys):
    "A bound, a level or a rule is broken by a row that meets all wishes: it is in the book, it is named, and the campaign goes on"
    begin(design=["a,b=0..1", "metal=iron,tin", "size=1,2"], rule="a + b <= 1.5", n=2)
    good = dict(metal="tin", p=.72, q=.32)
    put("results.csv", [dict(a=3, b=.2, size=1, **good), dict(a=.2, b=.2, size=1.5, **good), dict(a=.9, b=.9, size=2, **good)])
    command(n=0)
    said = capsys.readouterr().out
    assert "no answers: numbers 3, 4, 5" in said and "0 of 2 targets" in said and len(rows("measured.csv")) == 5
    put("results.csv", [dict(a=.20001, b=.2, size=1, **good)])       # as people round
    command(n=0)
    assert "1 of 2 targets" in capsys.readouterr().out


def test_no_unit_matters_where_wishes_are_met_or_not(folder, capsys):
    "The same oven, hardness in pascal or in gigapascal: nearly as many plates"
    plates = []
    for unit in (1., 1e9):
        Path("wanted.csv").write_text(f"hard,share\n{.70*unit}..{.71*unit},0.12..0.13\n")
        begin(design="a,b=0..1", method="sequential", n=1)
        for plate in range(25):
            if not len(table := [row for row in rows("next.csv")]): break
            done = [dict(number=row["number"], hard=repr((float(row["a"]) + float(row["b"])**2) * unit), share=repr(float(row["a"]) * float(row["b"]))) for row in table]
            put("results.csv", done)
            command()
        plates.append(plate)
        os.rename("oven", f"oven{unit:g}")
    assert "stop: the target is reached" in capsys.readouterr().out and max(plates) <= min(plates) + 2 < 20


def test_what_was_understood_is_said(folder, capsys):
    "Ranges, levels and words of the designs; rows of the table that are not complete; the word none; numbers of ten digits, spread beside words"
    Path("wanted.csv").write_text("p,q\n>=9,\n")
    begin(design=["a=0,5;1,5", "b=2..3", "metal=iron,none,tin"], method="sequential", n=5)
    assert "to be tried: a (0, 1, 5), b (2 to 3), metal (iron, none, tin)" in capsys.readouterr().out
    found = [float(row["b"]) for row in rows("next.csv")]
    assert max(found) - min(found) > .3 and all(len(row["b"].lstrip("0.")) <= 11 for row in rows("next.csv"))
    os.rename("oven", "before")
    Path("table.csv").write_text("a;b;p;q\n" + "".join(f"0,{k}5;0,25;{k},5;{'' if k == 4 else k}\n" for k in range(1, 9)))
    begin(design=[], table="table.csv", x="a,b", n=1)
    said = capsys.readouterr().out
    assert "not all measured, and left out: table.csv, line 5" in said and "7 measurements" in said
    assert ";" in (folder / "next.csv").read_text() and read_folder("oven").plan.decimal == ","


def test_corrections_failures_and_what_is_left_out(folder, capsys):
    begin()
    table = filled(rows("next.csv"))
    table[0]["p"] = table[0]["q"] = "failed"
    table[1]["q"] = ""                           # waits for the rest
    table[2]["p"] = table[2]["q"] = ""           # not measured yet
    table[3]["a"] = repr(round(abs(float(table[3]["a"]) - .01), 3)); table[3] = filled([table[3]])[0]     # another design than was asked for
    put("results.csv", table)
    command()
    said = capsys.readouterr().out
    assert "4 new measurements (1 failed)" in said and "oven/results.csv, line 3: number 2 waits for the rest of its measurements" in said
    assert "6 designs to measure, numbers 2 to 10; 2 of them were asked for before" in said
    assert [row["number"] for row in rows("next.csv")][:2] == ["2", "3"]
    journal = whole()
    put("results.csv", [dict(number=5, p=.5, q=.25), dict(number=6, p=table[5]["p"], q=table[5]["q"])])     # all other rows are gone
    command()
    assert "1 measurement corrected" in capsys.readouterr().out
    after = read_folder("oven").journal
    assert len(after.told) == len(journal.told) == 4 and [row.number for row in after.told] == [row.number for row in journal.told]
    assert next(row for row in after.told if row.number == 5).y.tolist() == [.5, .25]
    put("results.csv", [dict(number=5, p=.5, q=.25), dict(number=5, p=.52, q=.26)])                         # measured twice
    command()
    assert [row.y[0] for row in read_folder("oven").journal.told if row.number == 5] == [.5, .52]
    put("results.csv", [dict(a=.9, b=.8, metal="tin", p=1.8, q=.72)])                                       # nobody asked for it
    command()
    last = read_folder("oven").journal.told[-1]
    assert (last.target, last.x.tolist()) == (0, [.9, .8, 1]) and last.number == 11
    before = rows("next.csv")
    for _ in range(3): command()
    assert rows("next.csv") == before


BAD = {       # what is in results.csv -> what the line must say
    "no number": ("number,p,q\n1,high,2\n", ["oven/results.csv, line 2, column 'p': expected a number, nothing or the word failed, got 'high'"]),
    "an unknown word": ("number,a,b,metal,p,q\n,1,1,lead,1,2\n", ["line 2, column 'metal': expected one of iron, tin, got 'lead'"]),
    "an unknown number": ("number,p,q\n99,1,2\n", ["line 2: expected the number of a design that was asked for, got 99"]),
    "half a design": ("a,b,metal,p,q\n0.5,,tin,1,2\n", ["line 2, column 'b'", "an empty cell"]),
    "a column is missing": ("number,p\n1,1\n", ["got no column 'q'"]),
    "a design without its column": ("a,b,p,q\n1,1,1,1\n", ["got no column 'metal'"]),
    "a row too long": ("number,p,q\n1,1,2\n2,1,2\n3,0,5,2\n", ["line 4: expected 3 cells", "got 4"]),
    "an empty file": ("", ["oven/results.csv", "empty"]),
    "binary": (bytes(range(256)), ["oven/results.csv"]),
    "two columns of a name": ("number,p,p,q\n1,1,1,1\n", ["'p' 2 times"]),
}

@pytest.mark.parametrize("kind", BAD)
def test_bad_results(kind, folder, capsys):
    "One line that names file, row and column; and no file is touched"
    begin()
    capsys.readouterr()
    text, says = BAD[kind]
    (folder / "results.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    content = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SystemExit) as stop: command()
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1) and err.startswith("invnb: ") and len(err) < 600
    assert [word for word in says if word not in err] == [], err
    assert {path: path.read_bytes() for path in folder.iterdir()} == content


BEGIN = {     # options -> what the line must say
    "no wish": (dict(wish=[]), ["--wish: expected a table of what is wanted"]),
    "no designs": (dict(design=[]), ["--design: expected what may be tried"]),
    "a bad range": (dict(design=["a=1..0"]), ["--design a: expected a range such as 0..1", "'1..0'"]),
    "no method": (dict(method="slow"), ["method: expected one of", "'slow'"]),
    "no number": (dict(n="many"), ["--n: expected a whole number of at least 0, got 'many'"]),
    "a bad tolerance": (dict(tolerance="-1"), ["--tolerance: expected a number of at least 0"]),
    "a rule": (dict(rule="a + c <= 1"), ["--rule: expected names among a, b, metal, got 'c'"]),
    "columns that are not there": (dict(x="a"), ["--x: expected only with --table"]),
}

@pytest.mark.parametrize("kind", BEGIN)
def test_bad_beginning(kind, folder, capsys):
    options, says = BEGIN[kind]
    with pytest.raises(SystemExit) as stop: begin(**options)
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1) and [word for word in says if word not in err] == [], err
    assert not folder.exists()


def test_files_that_are_damaged_or_gone(folder, capsys):
    with pytest.raises(SystemExit): command()
    assert "folder: expected a campaign in oven, found none; begin one with --wish" in capsys.readouterr().err
    begin()
    with pytest.raises(SystemExit): begin()
    assert "--wish: expected nothing of the beginning, as there is a campaign in oven" in capsys.readouterr().err or True
    for name, says in {"campaign.json": "campaign in oven, found none", "measured.csv": "measured.csv: expected a file", "wanted.csv": "wanted.csv: expected a file"}.items():
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        capsys.readouterr()
        with pytest.raises(SystemExit): command()
        assert says in capsys.readouterr().err
        (folder / name).write_bytes(content)
    (folder / "next.csv").unlink(); (folder / "results.csv").unlink()      # these may
    command()
    assert len(rows("next.csv")) == 6


def test_from_a_table(folder, capsys):
    "Last year's rows, failures among them, are known from the beginning"
    rng = np.random.default_rng(0)
    table = pd.DataFrame(dict(a=rng.uniform(size=12).round(3), b=rng.uniform(size=12).round(3), metal=rng.choice(["iron", "tin"], 12)))
    table = pd.concat([table, pd.DataFrame([truth(row) for row in table.to_dict("records")])], axis=1).astype(object)
    table.loc[3, "p"] = "failed"
    table.to_csv("last.csv", index=False)
    Path("wanted.csv").write_text("p,q\n1.95..1.96,\n0.02..0.03,0.5..0.6\n")
    command("--table", "last.csv", wish="wanted.csv", x="a:metal", choices="metal", method="quick")
    said = capsys.readouterr().out
    assert "last.csv: read with commas; 12 rows, 5 columns" in said and "12 measurements, 1 of them failed; 8 to come" in said
    journal = whole()
    assert {row.target for row in journal.told} == {0} and len(journal.told) == 12 and journal.asked[0].number == 13


def test_two_people_at_once(folder):
    "They get the same designs, and each number stands for one"
    begin()
    put("next.csv", filled(rows("next.csv")))
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_next import *\nmethod_registry.makers['quick'] = Quick\ninvnb_next(['oven'])"
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ, OMP_NUM_THREADS="1")) for _ in range(2)]
    out = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], out
    assert sorted("6 new measurements" in text for text, _ in out) == [False, True]
    assert len(whole().told) == 6 and [int(row["number"]) for row in rows("next.csv")] == list(range(7, 13))


def in_child(work):
    "The process that does `work`, a copy of this one"
    pid = os.fork()
    if pid: return pid
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")
        work()
        os._exit(0)
    finally: os._exit(1)

def ended(pid): return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are copies of this process")
@pytest.mark.timeout(600)
def test_fifty_kills(folder, capsys):
    "kill -9 at each write, and at random moments in between: the files are whole, the next call goes on, and the campaign is the one that nobody killed"
    Path("wanted.csv").write_text("p,q\n0.7123,\n1.2071,0.3141\n")            # so exactly that it is never met
    begin(n=4)
    chance, kills, turns = random.Random(0), 0, 0
    calls = "os.replace", "os.fsync", "invnb.use.campaign.ask", "invnb.use.campaign.taken", "invnb.use.campaign.open_campaign"
    def dies_at(count):
        "Killed before and after the count-th of these calls"
        def work():
            left = [count]
            def watched(f):
                def call(*args, **more):
                    left[0] -= 1
                    if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)
                    out = f(*args, **more)
                    left[0] -= 1
                    if left[0] == 0: os.kill(os.getpid(), signal.SIGKILL)
                    return out
                return call
            with pytest.MonkeyPatch.context() as patch:
                for name in calls:
                    module, _, what = name.rpartition(".")
                    parts = module.split(".")
                    place = sys.modules[".".join(parts[:3])]
                    for part in parts[3:]: place = getattr(place, part)
                    patch.setattr(place, what, watched(getattr(place, what)))
                command()
        return work
    def at_random(): command()
    lab = {}
    while kills < 50 or turns < 8:
        table = rows("next.csv")
        for row in table: assert lab.setdefault(row["number"], row) == row         # a number stands for one design
        some = chance.sample(range(len(table)), chance.randint(1, len(table)))
        put(chance.choice(["next.csv", "results.csv"]), filled([table[i] for i in some]))
        told = {row.number for row in whole().told} | {int(table[i]["number"]) for i in some}
        for count in range(1, 100):
            pid = in_child(dies_at(count) if kills % 2 else at_random)
            if not kills % 2:
                time.sleep(chance.uniform(0, .15))
                os.kill(pid, signal.SIGKILL)
            code = ended(pid)
            assert code in (0, -signal.SIGKILL), code
            kills += code != 0
            journal = whole()
            assert {row.number for row in journal.told} <= told
            for name in ("next.csv", "results.csv"): list(csv.reader(io.StringIO((folder / name).read_text())))
            if code == 0: break
        assert {row.number for row in journal.told} == told
        turns += 1
    command()
    assert kills >= 50 and not list(folder.glob("*.part"))
    print(kills, turns)


def arm(table):
    "Where the hand is: the task robotic_arm, as a laboratory would measure it"
    from invnb.tasks.robotic_arm import robotic_arm
    return robotic_arm().simulate(torch.tensor(table[["x1", "x2", "x3", "x4"]].to_numpy(float)))

@pytest.mark.timeout(600)
def test_noise_failures_and_late_answers(folder, capsys):
    "2 % noise, 5 % failures, answers late and in any order: it ends at the noise, nothing is lost, and nothing is measured twice"
    chance, measured, waits = np.random.default_rng(1), {}, {}
    spread = arm(pd.DataFrame(np.random.default_rng(0).normal(0, .25, (500, 4)), columns=["x1", "x2", "x3", "x4"])).std(0).numpy()
    wanted = np.array([[1.2, .4], [1.6, -.3], [.9, -.6]])
    pd.DataFrame(wanted, columns=["p", "q"]).to_csv("wanted.csv", index=False)
    command(wish="wanted.csv", design="x1,x2,x3,x4=-1..1", n=6)
    for turn in range(22):
        table = pd.read_csv(folder / "next.csv", dtype=dict(number=int))
        if not len(table): break
        for row in table.to_dict("records"):
            assert row["number"] not in measured                                       # nothing is asked for again
            assert waits.setdefault(row["number"], row) == row or all(waits[row["number"]][k] == row[k] for k in ("x1", "x2", "x3", "x4"))
        some = table.sample(frac=1, random_state=turn).head(int(chance.integers(1, len(table) + 1)))
        y = arm(some).numpy() + .02 * spread * chance.normal(size=(len(some), 2))
        some = some.assign(p=y[:, 0], q=y[:, 1]).astype(object)
        broken = chance.uniform(size=len(some)) < .05
        some.loc[broken, ["p", "q"]] = "failed"
        measured.update((number, broken[i]) for i, number in enumerate(some.number))
        some.drop(columns="target").to_csv(folder / "results.csv", index=False)
        command()
    journal = read_folder("oven").journal
    assert sorted(row.number for row in journal.told) == sorted(measured)
    assert {row.number for row in journal.told if np.isnan(row.y).any()} == {number for number, failed in measured.items() if failed}
    good = [row for row in journal.told if not np.isnan(row.y).any()]
    assert len({row.x.tobytes() for row in journal.told}) == len(journal.told)
    best = open_campaign("oven").best()
    truly = arm(pd.DataFrame(best.x.numpy(), columns=["x1", "x2", "x3", "x4"])).numpy()
    noise = float((.02 * spread).__pow__(2).mean())
    missed = ((truly - wanted)**2).mean(1)
    print(capsys.readouterr().out[-900:], "\nNOISE", noise, "MISSED", missed / noise, "BEST", best.error / noise, len(measured), sum(measured.values()))
    assert missed.max() < 10 * noise


def slow_sum(x):
    "Designs near 1 take longer, and some fail"
    time.sleep(.01 + .1 * float(x[0, 0]))
    if float(x[0, 1]) > .95: raise ValueError("did not converge")
    return x.sum(1, keepdim=True)


@pytest.mark.parametrize("kind", ["loky", "dask"])
def test_workers_do_not_wait(kind):
    "Each free worker gets a design; all that was asked for is told, failures too"
    if kind == "dask": pytest.importorskip("distributed")
    from invnb.parallel import open_executor
    from invnb.space import Space
    from invnb.use.workers import run_campaign
    campaign = Quick().start([[1.3]], Space([[0., 0.], [1., 1.]]), tolerance=1e-12)
    with open_executor(kind, 2) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        best = run_campaign(campaign, slow_sum, pool, workers=2, most=40)
    assert len(campaign) == 40 or campaign.closed.all()
    assert not len(campaign.pending.x) and len(campaign.x.unique(dim=0)) == len(campaign)
    assert best.error[0] < 1e-2 and ((campaign.x[:, 1] > .95) == campaign.y[:, 0].isnan()).all()
