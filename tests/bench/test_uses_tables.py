from edlrr_cli.bench.uses_tables import compress, multitask

SVD = "autograd through the SVD"


def compress_row(width, method, seed, seconds, accuracy):
    row = {"width": width, "method": method, "seed": seed, "seconds": seconds, "accuracy": accuracy}
    return {**row, "accuracy_cut": accuracy - 0.01, "ranks": [4 + seed, 2], "weights_kept": 0.25}


def test_layers_are_compared_with_the_svd_seed_by_seed():
    rows = [
        compress_row(64, method, seed, seconds, 0.9 + 0.02 * seed)
        for seed in (0, 1)
        for method, seconds in (("majorizer", 0.002), (SVD, 0.006 + 0.002 * seed))
    ]
    text = compress(rows)
    assert "| 64 x 64, majorizer | 91.0 ± 1.4 | 90.0 ± 1.4 | 4 and 2 | 25 % | 2.00 | 3.5 |" in text
    assert f"| 64 x 64, {SVD} | 91.0 ± 1.4 | 90.0 ± 1.4 | 4 and 2 | 25 % | 7.00 | 1.0 |" in text
    assert text.endswith("Means over 2 seeds, with their standard deviation.")


def multitask_row(case, method, seconds, objective):
    row = {"case": case, "num_features": 32, "num_tasks": 16, "method": method, "seed": 0, "rank": 7}
    return {**row, "seconds": seconds, "objective": objective, "rmse": 0.25}


def test_a_regression_without_steps_has_no_time():
    rows = [
        multitask_row("digits", "ridge", None, None),
        multitask_row("digits", SVD, 0.004, 2.5),
        multitask_row("16", SVD, 0.5, 1.0),
    ]
    text = multitask(rows)
    assert "| digits, 32 x 16, ridge | 0.2500 | 7 | – | – | – |" in text
    assert f"| digits, 32 x 16, {SVD} | 0.2500 | 7 | 2.500 | 4.00 | 1.0 |" in text
    assert f"| patches, 32 x 16, {SVD} | 0.2500 | 7 | 1.000 | 500 | 1.0 |" in text
    assert "seeds" not in text
