"""Ask and tell: answers that come out of order, late, twice, failed, rounded, and rows that nobody asked for."""
import io, warnings
from dataclasses import dataclass, replace

import pandas as pd, pytest, torch
from torch import nn

from invnb.bench.run import CountingSimulator
from invnb.core import Data, stream
from invnb.methods.campaign import Campaign, Rounds, questions
from invnb.methods.closed_loop import ClosedLoop
from invnb.methods.method import Method, Till, get_method
from invnb.methods.network import Network
from invnb.methods.process import GaussianProcess
from invnb.misfit import Misfit
from invnb.wish import Wish

box = torch.tensor([[0., -1., 2.], [1., 1., 4.]])
def simulate(x): return torch.stack([x[:, 0] + x[:, 1] + x[:, 2] + x[:, 0]**2, x[:, 0]*x[:, 2]], 1)
def designs(seed, n): return box[0] + (box[1] - box[0]) * torch.rand(n, 3, generator=stream("campaigns", seed))
NAMES = "random_search", "ranked_search", "genetic_search", "direct_search", "closed_loop", "neural_adjoint", "mdn"

@pytest.fixture(scope="module")
def methods():
    data, found = Data(x := designs(0, 60), simulate(x), box), {}
    for name in NAMES:
        found[name] = method = get_method(name)
        if hasattr(method, "surrogate"): method.surrogate = Network(hidden=(8, 8), epochs=2)
        for field, value in dict(epochs=2, generations=2).items():
            if hasattr(method, field): setattr(method, field, value)
        method.fit(data, progress=False)
    return found
targets = simulate(designs(1, 3))

def mixed(k, n): return torch.randperm(n, generator=stream("mixed", k))
def by_payer(campaign, i): return campaign.x[campaign.payer == i]

@pytest.mark.parametrize("name", NAMES)
def test_any_order_gives_the_same_designs(name, methods):
    "Answers in whatever order and of whatever kind: each target is asked what search would have bought"
    found = methods[name].search(simulate, targets, 7, seed=4)
    for k, n in enumerate((1, 4, 100)):
        campaign, out = methods[name].start(targets, seed=4, budget=7), []
        while True:
            x = campaign.ask(n)
            out += list(x)
            if not out: break
            back = [out.pop(int(j)) for j in sorted(mixed(k, len(out))[:2].tolist(), reverse=True)]    # the others are late
            given = torch.stack(back)
            kind = (lambda t: t, lambda t: t.numpy(), lambda t: t.tolist(), lambda t: pd.DataFrame(t.numpy()))[len(campaign) % 4]
            campaign.tell(kind(given), kind(simulate(given)))
        assert len(campaign) == 21 and not len(campaign.pending.x) and (campaign.payer >= 0).all()
        for i in range(3):
            told, bought = by_payer(campaign, i), found.x[i].double()
            assert sorted(told.tolist()) == sorted(bought.tolist()), name
        assert (campaign.best().error <= found.error.amin(1) * (1 + 1e-5) + 1e-12).all()
        assert len(campaign.ask(5)) == 0

def test_a_file_loses_digits(methods):
    "Designs that went through a CSV of twelve digits are those that were asked for, in float32 and in float64"
    for name in ("ranked_search", "closed_loop"):
        campaign = methods[name].start(targets, budget=4)
        x = campaign.ask(None)
        text = pd.DataFrame(x.numpy()).to_csv(index=False, float_format="%.12g")
        back = pd.read_csv(io.StringIO(text))
        assert name == "ranked_search" or not torch.equal(torch.tensor(back.to_numpy()), x.double())
        campaign.tell(back[::-1], simulate(torch.tensor(back.to_numpy()))[torch.arange(len(x)).flip(0)])
        assert not len(campaign.pending.x) and torch.equal(campaign.x, x.double().flip(0)) and (campaign.payer >= 0).all()

def test_failed_answers(methods):
    "What failed is told as NaN: the campaign goes on, and it is the best of nothing"
    campaign = methods["closed_loop"].start(targets, budget=6)
    for k in range(6):
        x = campaign.ask(None)
        y = simulate(x)
        y[k % 3, k % 2] = torch.nan
        campaign.tell(x, y)
    best = campaign.best()
    assert len(campaign) == 18 and best.error.isfinite().all() and int(campaign.y.isnan().any(1).sum()) == 6
    none = methods["direct_search"].start(targets, budget=3)
    while len(x := none.ask(2)): none.tell(x, torch.full((len(x), 2), torch.nan))
    assert none.best().error.isinf().all() and none.best().x.isnan().all() and len(none) == 9

def test_several_measurements_are_one_mean():
    "Repeated designs: the mean is compared, and a lucky measurement does not close a target for good"
    campaign = Campaign(Wish.exactly([[1.], [5.]]), 2, tolerance=.01)
    campaign.tell([[0., 0.], [1., 1.]], [[1.05], [4.]])
    assert campaign.closed.tolist() == [True, False]
    campaign.tell([[0., 0.]], [[1.45]])
    best = campaign.best()
    assert campaign.closed.tolist() == [False, False]
    assert torch.allclose(best.y, torch.tensor([[1.25], [4.]]).double()) and torch.allclose(best.error, torch.tensor([.0625, 1.]).double())
    campaign.tell([[0., 0.]], [[torch.nan]])                    # a failure says nothing of the others
    assert torch.equal(campaign.best().error, best.error) and campaign.payer.tolist() == [-1]*4

def test_repeated_designs_keep_their_own_answers():
    "Two equal designs are out: the first answer is that of the first"
    campaign = Campaign(Wish.exactly([[0.], [0.]]), 1)
    campaign.hand_out(torch.ones(4, 1), [0, 1, 1, 0])
    campaign.tell([[1.], [1.]], [[10.], [11.]])
    campaign.tell([[1.], [2.], [1.], [1.]], [[12.], [20.], [13.], [14.]])
    assert campaign.payer.tolist() == [0, 1, 1, -1, 0, -1] and campaign.y[:, 0].tolist() == [10, 11, 12, 20, 13, 14]

def test_rows_that_nobody_asked_for(methods):
    "Last year's rows count: they close targets, they are in best, and what they answer is not asked again"
    method = methods["closed_loop"]
    campaign = method.start(targets, tolerance=1e-6, budget=20)
    campaign.tell(designs(1, 3), simulate(designs(1, 3)))
    assert campaign.closed.all() and len(campaign.ask(5)) == 0
    first = methods["ranked_search"].start(targets, budget=4).ask(None)
    again = methods["ranked_search"].start(targets, budget=4)
    again.tell(first[:2], simulate(first[:2]))
    assert torch.equal(again.ask(None), first[2:])
    assert again.payer.tolist() == [0, 0]
    known = designs(8, 40)
    helped, alone = method.start(targets, budget=6), method.start(targets, budget=6)
    helped.tell(known, simulate(known))
    for campaign in (helped, alone):
        while len(x := campaign.ask(3)): campaign.tell(x, simulate(x))
    assert (helped.payer >= 0).sum() == (alone.payer >= 0).sum() == 18
    assert not torch.equal(helped.x[helped.payer >= 0], alone.x)              # it has learned from them

@pytest.mark.parametrize("name", ["closed_loop", "direct_search", "ranked_search"])
def test_a_campaign_made_again_goes_on(name, methods):
    "From what was handed out and told, a new campaign asks what the old one would have asked"
    one = methods[name].start(targets, budget=6)
    asked = []
    for k in range(4):
        x = one.ask(2)
        asked.append(one.pending)
        if k < 3 and len(one.pending.x): one.tell(one.pending.x[-1:], simulate(one.pending.x[-1:]))
    rows, pending = (one.x, one.y, one.payer), one.pending
    two = methods[name].start(targets, budget=6)
    two.hand_out(torch.cat([rows[0], pending.x.double()]), torch.cat([rows[2], pending.payer]))
    two.tell(*rows[:2])
    for campaign in (one, two): campaign.tell(campaign.pending.x, simulate(campaign.pending.x))
    while True:
        a, b = one.ask(3), two.ask(3)
        assert torch.equal(a, b)
        if not len(a): break
        one.tell(a, simulate(a)); two.tell(b, simulate(b))

@pytest.mark.parametrize("name", NAMES)
def test_tolerance(name, methods):
    "A target is closed by whoever meets it, and buys nothing more"
    method, same = methods[name], targets[:1].repeat(3, 1)
    loose = float(method.search(simulate, same, 8).error[:, :4].amin(1).max()) + 1e-12
    found = method.search(simulate, same, 8, tolerance=loose)
    assert (found.spent <= 8).all() and int(found.spent.sum()) < 24
    x, error = found.shared()
    assert (error <= loose).all() and torch.equal(found.best(), x)
    assert torch.equal(found.x.isnan().all(2), torch.arange(8) >= found.spent[:, None])
    assert found.error.isinf().sum() == 24 - found.spent.sum() and "in all" in repr(found)
    with pytest.raises(ValueError, match="^tolerance: expected an error of at least 0"): method.search(simulate, same, 8, tolerance=-1.)

@pytest.mark.parametrize("name", NAMES)
def test_a_simulator_that_changes_its_input(name, methods):
    "Nor does it change what is handed to it, nor what comes back later"
    def careless(x):
        y = simulate(x)
        x += 1e3
        return y
    want = methods[name].search(simulate, targets, 4)
    found = methods[name].search(careless, targets, 4)
    assert torch.equal(found.x, want.x) and torch.equal(found.best(), want.best())
    buffer = torch.empty(0, 2)
    def reuses(x):
        nonlocal buffer
        if len(buffer) != len(x): buffer = torch.empty_like(simulate(x))
        return buffer.copy_(simulate(x))
    assert torch.equal(methods[name].search(reuses, targets, 4).y, want.y)

def test_told_in_vain(methods):
    "One clear line for each mistake, and nothing is taken in"
    campaign = methods["random_search"].start(targets, budget=3)
    x = campaign.ask(2)
    for wrong, message in [((x[:, :2], simulate(x)), r"^x: expected \(N, 3\), got \(2, 2\)"),
                           ((x, torch.zeros(2, 3)), r"^y: expected \(N, 2\), got \(2, 3\)"),
                           ((x, torch.zeros(3, 2)), "^y: expected a row for each of 2 designs, got 3"),
                           ((x * torch.nan, simulate(x)), "^x: expected finite numbers")]:
        with pytest.raises(ValueError, match=message): campaign.tell(*wrong)
    with pytest.raises(ValueError, match="^n: expected a whole number"): campaign.ask(0)
    assert len(campaign) == 0 and len(campaign.pending.x) == 2
    x[:] = 0                                         # the campaign keeps its own
    assert campaign.pending.x.abs().sum() > 0

def test_the_ledger_of_a_noisy_simulator():
    "Paid errors 0, 1, 4, 9 are recorded as 0, 1, 4, 9"
    answers = iter(range(4))
    counted = CountingSimulator(lambda x: torch.tensor([[float(next(answers))] for _ in x]))
    till = Till(counted, Wish.exactly([[0.]]), 4)
    for _ in range(4): till(torch.ones(1, 2), torch.tensor([0]))
    found = till.receipt()
    for said in (found, replace(found, place=None)):
        assert counted.errors(said, torch.zeros(1, 1), 4).tolist() == [[0, 1, 4, 9]]

def test_a_noisy_failing_disordered_laboratory(methods):
    "Two per cent of noise, one in twenty fails, answers come in any order: nothing is lost, nothing is bought twice"
    r, method = stream("laboratory"), ClosedLoop(methods["closed_loop"].surrogate).fit(Data(x := designs(0, 60), simulate(x), box), progress=False)
    campaign, out, bought = method.start(targets, budget=30), [], []
    while True:
        out += list(campaign.ask(4))
        if not out: break
        row = out.pop(int(torch.randint(len(out), (), generator=r)))
        y = simulate(row[None].float()) * (1 + .02 * torch.randn(1, 2, generator=r))
        if torch.rand((), generator=r) < .05: y = y * torch.nan
        bought.append(row.double())
        campaign.tell(row[None], y)
    assert torch.equal(campaign.x, torch.stack(bought)) and len(campaign) == 90 and (campaign.payer >= 0).all()
    assert campaign.best().error.isfinite().all()

def test_an_optimiser_that_calls():
    def run(f): f(torch.ones(1)); raise OSError("no licence")
    talk = questions(run)
    next(talk)
    with pytest.raises(OSError, match="no licence"): talk.send(torch.zeros(1))
    import threading
    before = threading.active_count()
    for _ in range(3):
        talk = questions(lambda f: [f(torch.ones(1)) for _ in range(5)])
        next(talk); talk.close()
    assert threading.active_count() == before

def test_noisy_answers_are_weighed():
    "A table of noisy rows: one design is asked a second time, asked and told as in a search; an exact simulator is found out by it"
    g = stream("campaigns", "noise")
    x = designs(3, 400)
    data = Data(x.double(), simulate(x.double()) + .2*torch.randn(400, 2, generator=g, dtype=torch.float64), box.double())
    loop = ClosedLoop(GaussianProcess(kernel="rbf", ranks=False)).fit(data, progress=False)
    assert .02 < float(loop.noise()) < .08
    def shaky():
        times = {}
        def noisy(x):                                                        # another error each time that a design is measured
            x = x.double()
            for row in x.tolist(): times[tuple(row)] = times.get(tuple(row), 0) + 1
            turn = torch.tensor([times[tuple(row)] for row in x.tolist()]).double()[:, None]
            return simulate(x) + .2*(1e4*x[:, :2] + 2*turn).sin()
        return noisy
    wanted = targets.double()
    found, campaign, noisy = loop.search(shaky(), wanted, 6), loop.start(wanted, budget=6), shaky()
    while len(x := campaign.ask(2)): campaign.tell(x.flip(0), noisy(x).flip(0))
    twice = (found.x[:, 1:] == found.x[:, :-1]).all(2)
    assert int(twice.sum()) == 1 and twice[0, 0] and len(campaign) == 18
    for i in range(3): assert sorted(by_payer(campaign, i).tolist()) == sorted(found.x[i].tolist())
    true = (simulate(found.best()) - wanted).square().mean(1)
    assert found.expected.shape == (3, 6) and (true < .1).all()
    failed = loop.search(lambda x: torch.where(x[:, :1] > -9, torch.nan, x[:, :2]), wanted, 4)
    assert failed.expected is None and failed.error.isinf().all()
    noisy, calls = shaky(), []
    def failing(x):                                                          # the second answer of the first target, which repeats its first, is lost
        calls.append(len(x))
        y = noisy(x)
        if len(calls) == 2: y[0] = torch.nan
        return y
    again = loop.search(failing, wanted, 6)
    twice = (again.x[:, 1:] == again.x[:, :-1]).all(2)
    assert again.expected is not None and int((twice & again.y[:, 1:].isfinite().all(2) & again.y[:, :-1].isfinite().all(2)).sum()) == 1
    sure = loop.search(simulate, wanted, 8)
    assert sure.expected is None and sure.error.amin(1).max() < 1e-6
