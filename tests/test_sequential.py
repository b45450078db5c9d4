"""From nothing: what a campaign that learns one process promises, whatever is told, in whatever order, in whatever space."""
import pytest, torch

from invnb.core import stream
from invnb.methods.improvement import seen_noise
from invnb.methods.method import get_method
from invnb.space import Space
from invnb.tasks.task import get_task
from invnb.wish import Wish

BOX = Space([[-1, -1, -1], [1, 1, 1]], ["a", "b", "c"])
def hills(x): return torch.stack([(2 * x[:, 0]).sin() + x[:, 1], x[:, 1] * x[:, 2] + x[:, 0]], 1).double()
def wanted(n, space=BOX, f=hills): return f(space.sample(n, stream("sequential test", n)))
def start(wish, space=BOX, **options): return get_method("sequential").start(wish, space=space, **options)

def filled(campaign, f, most, n=1):
    while len(campaign) < most and len(x := campaign.ask(min(n, most - len(campaign)))): campaign.tell(x, f(x))
    return campaign

def made_again(campaign, *wish, **options):
    again = start(*wish, **options)
    if len(campaign):
        again.hand_out(campaign.x, campaign.payer)
        again.tell(campaign.x, campaign.y)
    again.hand_out(campaign.pending.x, campaign.pending.payer)
    return again


@pytest.mark.parametrize("n", [1, 3, 8])
def test_all_targets_are_met_and_then_nothing_is_asked(n):
    campaign = filled(start(wanted(4), tolerance=1e-5), hills, 80, n)
    assert campaign.closed.all() and len(campaign) < 60 and not len(campaign.ask(5))


@pytest.mark.parametrize("n", [1, 4])
def test_made_again_it_asks_the_same(n):
    options, wish = dict(tolerance=1e-9, seed=3), wanted(3)
    campaign = start(wish, **options)
    for _ in range(8):
        again = made_again(campaign, wish, **options)
        x = campaign.ask(n)
        assert torch.equal(x, again.ask(n))
        if len(x) > 1: campaign.tell(x[1:], hills(x[1:]))      # the first is late
        assert torch.equal(made_again(campaign, wish, **options).ask(1), campaign.ask(1))
        if len(x): campaign.tell(x[:1], hills(x[:1]))


def test_the_seed_decides_and_nothing_else():
    before = torch.get_rng_state()
    one, same, other = (filled(start(wanted(2), seed=seed), hills, 12).x for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("aim", [None, .7])
def test_an_improvement_falls_below_a_share_of_the_best(aim, monkeypatch):
    import invnb.methods.sequential as module
    asked, expected, wish = [], module.expected_improvement, wanted(1)
    def noted(mean, variance, best):
        asked.append(float(best))
        return expected(mean, variance, best)
    monkeypatch.setattr(module, "expected_improvement", noted)
    method = get_method("sequential", **({} if aim is None else dict(aim=aim)))
    campaign = method.start(wish, space=BOX)
    while len(campaign) < 9:
        asked.clear()
        x, least = campaign.ask(1), float(wish.sub(campaign.y).square().mean(1).min()) if len(campaign) else 0
        assert all(abs(level - (aim or .3) * least) <= 1e-12 * least for level in asked)
        campaign.tell(x, hills(x))
    assert asked, "it was asked"


def test_a_plate_has_different_designs():
    campaign = filled(start(wanted(1)), hills, 10)
    x = campaign.ask(8)
    assert len(x) == 8 and torch.pdist(x).min() > .049
    more = campaign.ask(8)
    assert torch.cdist(x, more).min() > .049              # and of those that are out


def test_failures_are_survived_and_kept_away_from():
    def simulate(x): return torch.where(x[:, :1] > .2, torch.nan, hills(x))
    goal = hills(torch.tensor([[-.5, .3, .2], [0., -.4, .6]]))
    campaign = filled(start(goal, tolerance=1e-5), simulate, 80)
    assert campaign.closed.all()
    assert campaign.y[len(campaign) // 2:].isfinite().all(1).double().mean() >= .5


def test_all_fail():
    campaign = filled(start(wanted(1)), lambda x: torch.full((len(x), 2), torch.nan), 10)
    assert len(campaign.x.unique(dim=0)) == len(campaign) >= 8


def test_last_years_rows_are_answers():
    x = BOX.sample(40, stream("last year"))
    campaign = start(wanted(3), tolerance=1e-5)
    campaign.tell(x, hills(x))
    assert (filled(campaign, hills, 60).closed).all() and len(campaign) < 55
    known = start(hills(x[:2]), tolerance=1e-9)
    known.tell(x, hills(x))
    assert known.closed.all() and not len(known.ask(1))   # what is known is not bought


def test_noise_is_not_chased():
    noise = stream("noise")
    def simulate(x): return hills(x) + .05 * torch.randn(len(x), 2, generator=noise).double()
    campaign = filled(start(wanted(1), tolerance=1e-9), simulate, 120)
    assert hills(campaign.best().x).sub(wanted(1)).abs().max() < .3
    assert len(campaign.x.unique(dim=0)) == len(campaign) # nothing is bought twice


def test_a_target_that_rests_does_not_stop_the_others():
    campaign = filled(start(wanted(2), tolerance=1e-12), hills, 6)
    campaign.rests = lambda i, process: i == 0
    for _ in range(3): campaign.tell(x := campaign.ask(1), hills(x))
    assert campaign.payer[-3:].tolist() == [1, 1, 1]


def test_a_simulator_that_jumps_is_not_taken_for_noisy():
    space = Space([[-1, -1], [1, 1]])
    def jumps(x): return torch.stack([x[:, 0] + .3 * (7 * x[:, 1]).floor(), (9 * x[:, 0]).floor() / 4 + x[:, 1]], 1).double()
    campaign = filled(start([[9., 9.]], space, tolerance=1e-9), jumps, 60)      # there is no such design
    assert len(campaign) == 60


def test_who_failed_least_asks_first_and_without_a_tolerance_who_asked_least():
    far = torch.tensor([[9., 9.], [-9., 9.], [9., -9.]])
    for tolerance, order in ((1e-9, [1, 2, 0]), (None, [2, 0, 1])):
        campaign = start(far, tolerance=tolerance)
        campaign.fails = torch.tensor([2, 0, 1])
        x = BOX.sample(3, stream("turns"))
        campaign.hand_out(x, torch.tensor([0, 1, 1]))
        campaign.tell(x, hills(x))
        assert campaign.turn([]) == order
        assert campaign.turn(order[:1]) == order[1:]                 # who waits for an answer does not ask
    campaign = start(far, tolerance=1e-9)
    campaign.left[1] = torch.zeros(1, 3).double()                        # a basin left is as many failures as that takes
    assert campaign.turn([]) == [0, 2, 1]


def test_a_jump_between_few_pairs_is_no_noise():
    x = torch.tensor([0., 1e-4, 1., 1 + 1e-4, 2., 2 + 1e-4]).double()[:, None]
    assert seen_noise(x, torch.tensor([0., 0, 1, 1, 2, 3]).double()[:, None], 1e-3) == 0
    assert seen_noise(x, torch.tensor([0., .2, 1, 1.2, 2, 2.2]).double()[:, None], 1e-3) == pytest.approx(.02)


@pytest.mark.parametrize("noise", [0., .1])
def test_before_a_target_rests_an_answer_beside_its_best_is_asked_for(noise):
    campaign = start(wanted(1), tolerance=1e-12)
    campaign.tell(x := BOX.sample(10, stream("rests")), hills(x))
    campaign.in_noise = lambda i, process: True               # two basins left, and within what the process takes for noise
    asked = campaign.ask(1)
    best = x[campaign.base[0]]
    assert 0 < (asked - best).abs().max() < 1e-3 and campaign.seen() is None
    campaign.tell(asked, hills(asked) + noise)
    process = campaign.learned(campaign.pending.x)[0][1]
    process.noise = lambda: torch.full((2,), 1e-2).double()
    assert campaign.rests(0, process) == bool(noise)


def test_an_interval_is_aimed_at_inside_by_the_noise():
    noise = stream("interval noise")
    def simulate(x): return hills(x) + .1 * torch.randn(len(x), 2, generator=noise).double()
    wish = Wish.at_least([[.8, .1]])
    campaign = filled(start(wish), simulate, 30)
    aimed = hills(campaign.x[-10:])
    assert (wish.lower[0] <= aimed).all(1).double().mean() >= .5


WISHES = dict(
    exactly=Wish.exactly([[.3, .2]]), one_column=Wish.exactly([[torch.nan, .2]]), at_least=Wish.at_least([[1.2, .1]]),
    between=Wish.between([[.2, -.1]], [[.4, .1]]), weights=Wish.exactly([[.3, .2]], [[1., 5.]]), worst=Wish([[.2, .1]], [[.2, .3]], worst=True))

@pytest.mark.parametrize("kind", WISHES)
def test_every_kind_of_wish(kind):
    assert filled(start(WISHES[kind], tolerance=1e-6), hills, 60).closed.all()


SPACES = dict(
    whole=Space([[0, -1, -1], [6, 1, 1]], ["a", "b", "c"], whole="a"), levels=Space([[0, -1, -1], [6, 1, 1]], ["a", "b", "c"], levels=dict(a=[0, 1, 3, 6])),
    choices=Space([[0, -1, -1], [2, 1, 1]], ["a", "b", "c"], choices=dict(a=["p", "q", "r"])), angle=Space([[0, -1, -1], [360, 1, 1]], ["a", "b", "c"], periodic=dict(a=360)),
    rules=Space([[0, 0, 0], [1, 1, 1]], ["a", "b", "c"], rules="a + b + c == 1"), few=Space([[0, 0, 0], [1, 1, 1]], ["a", "b", "c"], rules="at most 2 of a, b, c"),
    log=Space([[.01, -1, -1], [100, 1, 1]], ["a", "b", "c"], log="a"))

@pytest.mark.parametrize("kind", SPACES)
def test_every_kind_of_space(kind):
    space = SPACES[kind]
    def simulate(x):
        a = dict(angle=(x[:, 0] * torch.pi / 180).sin(), log=x[:, 0].clamp_min(1e-9).log() / 4).get(kind, x[:, 0] / 3)
        return torch.stack([a + x[:, 1] / 2, a * x[:, 1] - x[:, 2]], 1)
    campaign = filled(start(wanted(2, space, simulate), space, tolerance=1e-5), simulate, 80)
    assert space.contains(campaign.x).all() and campaign.closed.all()


def test_search_and_budgets():
    found = get_method("sequential").search(hills, wanted(3), 5, space=BOX)
    assert found.x.shape == (3, 5, 3) and found.x.isfinite().all()
    few = start(wanted(3), budget=2)
    assert len(filled(few, hills, 50)) == 6


def test_a_table_is_told_or_learned():
    task = get_task("sine_wave")
    few = get_method("sequential").fit(task.sample(30), progress=False)
    campaign = few.start(task.targets(2), tolerance=1e-4)
    assert len(campaign) == 30 and (campaign.payer == -1).all()
    filled(campaign, task.simulate, 80)
    assert campaign.closed.all()


def test_without_a_space_it_says_so():
    with pytest.raises(ValueError, match="space: expected a Space"): get_method("sequential").start([[1.]])


def test_thousands_of_rows_stay_fast():
    x = BOX.sample(3000, stream("many rows"))
    campaign = start(wanted(5), tolerance=1e-12)
    campaign.tell(x, hills(x))
    assert len(campaign.ask(5)) == 5
