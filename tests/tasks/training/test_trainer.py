import io

import pytest
import torch

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.levels import Levels
from edlrr_cli.tasks.training.schedule import one_cycle
from edlrr_cli.tasks.training.trainer import Trainer


def stripes(count=6, side=32):
    """Draw images of stripes, which are of rank one."""
    generator = torch.Generator().manual_seed(3)
    phases = torch.rand(count, generator=generator)
    across = torch.arange(side) / side
    rows = 127 + 120 * torch.sin(6.28 * (3 * across + phases[:, None]))
    return list(rows[:, None, None, :].expand(-1, 1, side, -1).round().to(torch.uint8))


def settings(**changes):
    chosen = {"arch": "dncnn", "depth": 4, "width": 8, "sigma": Levels(25, 25), "steps": 12, "patch_px": 16}
    chosen |= {"batch": 4, "held_out": 2, "lam": 0.1, "lrr_every": 2, "lrr_images": 1, **changes}
    return Config(**chosen)


def trained(config, *, until=None, start=None):
    trainer = Trainer(stripes(), config)
    if start is not None:
        trainer.load(start)
    steps = []
    while trainer.count < (until or config.steps):
        steps.append(trainer.step(trainer.progress))
    return trainer, steps


def saved(trainer):
    stream = io.BytesIO()
    torch.save(trainer.state(), stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


@pytest.mark.parametrize("arch", ["dncnn", "dncnn-bf", "light"])
def test_the_loss_falls_and_the_network_denoises(arch):
    config = settings(arch=arch, depth=1 if arch == "light" else 4, steps=80, lr=5e-3, batch=8)
    trainer, steps = trained(config)
    first, last = (sum(step.data for step in part) / 10 for part in (steps[:10], steps[-10:]))
    assert last < 0.6 * first
    # 20.17 dB is the PSNR of the noisy images themselves.
    assert trainer.validate()["25"] > 22


@pytest.mark.parametrize("arch", ["dncnn", "light"])
def test_a_resumed_run_ends_like_an_uninterrupted_one_bit_for_bit(arch):
    config = settings(arch=arch, depth=2 if arch == "light" else 4)
    whole, steps = trained(config)
    half, _ = trained(config, until=5)
    again, rest = trained(config, start=saved(half))
    assert rest == steps[5:]
    mine, its = whole.weights(), again.weights()
    assert all(torch.equal(mine[name], its[name]) for name in mine)
    assert whole.validate() == again.validate()


def test_the_low_rank_term_is_evaluated_every_so_many_steps():
    _, steps = trained(settings(lrr_every=3), until=7)
    assert [step.rank is not None for step in steps] == [True, False, False, True, False, False, True]
    _, plain = trained(settings(lam=0.0), until=3)
    assert all(step.rank is None for step in plain)


def test_the_low_rank_term_lowers_the_rank_of_what_comes_out():
    def rank_of(lam):
        steps = trained(settings(steps=60, lam=lam, lr=3e-3, lrr_every=1))[1]
        return sum(step.rank for step in steps[-10:]) / 10

    # A weight of 0 would evaluate none. Measured: 1.36 and 1.52.
    assert rank_of(20.0) < 0.95 * rank_of(1e-6)


def test_seeds_make_different_networks_and_the_same_seed_the_same():
    (first, _), (same, _), (other, _) = (trained(settings(seed=seed), until=2) for seed in (0, 0, 1))
    name = next(iter(first.weights()))
    assert torch.equal(first.weights()[name], same.weights()[name])
    assert not torch.equal(first.weights()[name], other.weights()[name])


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    trained(settings(), until=2)
    assert torch.equal(torch.rand(3), expected)


def test_a_time_budget_is_the_length_of_the_schedule():
    trainer = Trainer(stripes(), settings(steps=None, time_budget=0.5))
    assert 0 <= trainer.progress < 1
    while trainer.progress < 1:
        trainer.step(trainer.progress)
    assert trainer.elapsed_s >= 0.5
    assert trainer.count > 0


def test_a_checkpoint_of_other_settings_or_images_is_refused():
    half, _ = trained(settings(), until=1)
    with pytest.raises(UsageError, match=r"made with lam = 0\.1, not 0\.2"):
        Trainer(stripes(), settings(lam=0.2)).load(saved(half))
    with pytest.raises(UsageError, match="made with images"):
        Trainer(stripes(count=7), settings()).load(saved(half))


def test_a_loss_that_is_no_number_names_the_step():
    trainer = Trainer(stripes(), settings())
    for parameter in trainer._network.parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(NumericsError, match="step 1"):
        trainer.step(0.0)


def test_the_weights_are_averages_of_those_of_the_steps():
    trainer = Trainer(stripes(), settings(steps=3))
    seen = [trainer.weights()]
    expected = None
    for count in range(3):
        trainer.step(trainer.progress)
        current = {name: value.clone() for name, value in trainer._network.state_dict().items()}
        fraction = 1 - (1 + count) / (10 + count)
        if expected is None:  # the first is taken as it is
            expected = current
        else:
            expected = {
                name: torch.lerp(expected[name].float(), current[name].float(), fraction) for name in current
            }
        seen.append(trainer.weights())
    name = "layers.0.weight"
    torch.testing.assert_close(seen[-1][name], expected[name].contiguous())


def test_the_schedule_rises_and_falls_to_almost_nothing():
    rates = [one_cycle(progress / 100) for progress in range(101)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(1)
    assert rates[-1] < 1e-3
