"""Makes tests/data/statistics.json: random data, and what scipy, statsmodels, krippendorff and choix say about it.

    python -m venv VENV && VENV/bin/pip install numpy scipy statsmodels krippendorff choix
    VENV/bin/python tests/reference/statistics.py

Written with numpy 2.4, scipy 1.17, statsmodels 0.15, krippendorff 0.9, choix 0.4. What no package has is computed
here in another way than in src/analysis: the exact signed-rank distribution with ties by trying every sign, the
Hodges-Lehmann interval by counting subsets in whole numbers, the cluster-robust variances by matrices, the confidence
sequence as its paper writes it (and where the package confseq can be imported, its capital is checked against that).
"""

import itertools
import json
import pathlib
import warnings

import choix
import krippendorff
import numpy as np
from choix.opt import PairwiseFcts
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

OUT = pathlib.Path(__file__).parent.parent / "data" / "statistics.json"
random = np.random.default_rng(20_240_601)


def rounded(x):
    """Plain numbers for JSON, with every digit a float has."""
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [rounded(v) for v in x]
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    return float(x) if x is not None else None


def wilson():
    for n in [1, 2, 7, 20, 263, 5_000]:
        for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            for level in [0.8, 0.95, 0.99]:
                low, high = proportion_confint(k, n, 1 - level, method="wilson")
                yield {"k": k, "n": n, "level": level, "low": low, "high": high}


def binomial():
    for n in [1, 2, 9, 40, 313, 20_000]:
        for k in sorted({0, 1, n // 3, n // 2 - n // 50, n // 2, n}):
            yield {"k": k, "n": n, "p": stats.binomtest(k, n, 0.5).pvalue}


def every_sign(d, pratt):
    """The exact p-values by trying every sign of the ranks: less, greater, two-sided."""
    size = np.abs(d)
    ranks = stats.rankdata(size)[size > 0] if pratt else stats.rankdata(size[size > 0])
    positive = ranks[d[size > 0] > 0].sum()
    sums = np.array([ranks[np.array(signs, bool)].sum() for signs in itertools.product([0, 1], repeat=len(ranks))])
    less, greater = (sums <= positive).mean(), (sums >= positive).mean()
    return less, greater, min(1, 2 * min(less, greater))


def walsh(d, level):
    """Median of the means of pairs, and the interval from the exact distribution of the rank sum without ties."""
    means = np.sort([(a + b) / 2 for i, a in enumerate(d) for b in d[i:]])
    n, m = len(d), len(means)
    counts = [1]
    for r in range(1, n + 1):
        longer = counts + [0] * r
        for s, c in enumerate(counts):
            longer[s + r] += c
        counts = longer
    below, c = 0, 0
    while (below + counts[c]) / 2**n <= (1 - level) / 2:
        below += counts[c]
        c += 1
    return float(np.median(means)), (float(means[c - 1]), float(means[m - c])) if c else None


def wilcoxon():
    for n in [3, 6, 9, 12]:
        for pratt in [False, True]:
            d = random.integers(-3, 4, n).astype(float)
            d[0] = 2.0
            less, greater, two = every_sign(d, pratt)
            yield {"d": d, "pratt": pratt, "less": less, "greater": greater, "two": two}
    for n in [8, 20, 45]:
        d = np.round(random.normal(0.4, 1, n), 6)
        one = {"d": d, "pratt": False}
        for key, side in [("less", "less"), ("greater", "greater"), ("two", "two-sided")]:
            one[key] = stats.wilcoxon(d, alternative=side, method="exact").pvalue
        yield one
    for n, pratt in [(320, False), (320, True)]:
        d = random.integers(-4, 6, n).astype(float)
        one = {"d": d, "pratt": pratt}
        for key, side in [("less", "less"), ("greater", "greater"), ("two", "two-sided")]:
            zeros = "pratt" if pratt else "wilcox"
            one[key] = stats.wilcoxon(
                d, alternative=side, method="asymptotic", correction=True, zero_method=zeros
            ).pvalue
        yield one


def with_shift(case):
    d = np.asarray(case["d"])
    if len(d) <= 60:
        case["shift"], case["interval"] = walsh(d, 0.95)
    return case


def holm():
    for n in [1, 2, 5, 12]:
        p = random.uniform(0, 1, n) ** 3
        yield {"p": p, "adjusted": multipletests(p, method="holm")[1]}


def t_quantiles():
    for freedom in [1, 2, 3, 7, 19, 49, 199, 4_999]:
        for p in [0.005, 0.025, 0.2, 0.5, 0.9, 0.975, 0.9995]:
            yield {"freedom": freedom, "p": p, "t": stats.t.ppf(p, freedom)}


def means():
    """One value a cluster, so that scipy's bootstrap of values is one of clusters."""
    for n, shape in [(12, 0.0), (40, 0.0), (40, 1.5), (150, 0.7)]:
        raw = random.normal(3.5, 1.1, n) + shape * random.exponential(1.0, n)
        x = np.clip(np.round(raw), 1, 5 if shape == 0 else 9)
        one = {"x": x, "mean": x.mean()}
        for method in ["percentile", "BCa"]:
            ci = stats.bootstrap(
                (x,), np.mean, n_resamples=200_000, batch=20_000, method=method, rng=np.random.default_rng(1)
            ).confidence_interval
            one[method] = [ci.low, ci.high]
        one["t"] = list(stats.t.interval(0.95, n - 1, x.mean(), stats.sem(x)))
        yield one


def clustered():
    """A ratio of sums over clusters of uneven size, and a difference of two: value and jackknife interval."""
    for groups in [6, 25, 80]:
        sizes = random.integers(1, 6, groups)
        rows = []
        for c, m in enumerate(sizes):
            level = random.normal(0, 0.8)
            for _ in range(m):
                a, b = np.clip(np.round(random.normal(3 + level, 1, 2) + [0, 0.5]), 1, 5)
                rows.append([c, a, b])
        rows = np.array(rows)

        def difference(keep):
            return rows[keep, 2].mean() - rows[keep, 1].mean()

        def average(keep):
            return rows[keep, 1].mean()

        one = {"rows": rows}
        for name, of in [("difference", difference), ("mean", average)]:
            value = of(np.ones(len(rows), bool))
            left = np.array([of(rows[:, 0] != c) for c in range(groups)])
            error = np.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum())
            half = stats.t.ppf(0.975, groups - 1) * error
            one[name] = [value, value - half, value + half]
        # Shares of fours and fives, with the effective number of observations.
        k = np.array([(rows[rows[:, 0] == c, 1] >= 4).sum() for c in range(groups)])
        p, n = k.sum() / len(rows), len(rows)
        variance = groups / (groups - 1) * ((k - p * sizes) ** 2).sum() / n**2
        shrink = (stats.norm.ppf(0.975) / stats.t.ppf(0.975, groups - 1)) ** 2
        effective = min(n, p * (1 - p) / variance * shrink)
        low, high = proportion_confint(p * effective, effective, 0.05, method="wilson")
        one["share"] = [p, low, high]
        yield one


def bradley_terry():
    spread = 3.0
    for contenders, groups in [(3, 20), (4, 50), (6, 30)]:
        strength = random.normal(0, 1, contenders)
        games, doubled = [], []
        for c in range(groups):
            for _ in range(random.integers(1, 4)):
                i, j = random.choice(contenders, 2, replace=False)
                p = 1 / (1 + np.exp(strength[j] - strength[i]))
                score = random.choice([1.0, 0.0, 0.5], p=[0.8 * p, 0.8 * (1 - p), 0.2])
                games.append([c, i, j, score])
                # Everything counted twice, so that a tie is one win for each side.
                doubled += [(int(i), int(j))] * int(2 * score) + [(int(j), int(i))] * int(2 - 2 * score)
        # choix adds alpha times the sum of squares: twice 1 / (2 spread^2), since the data is doubled.
        alpha = 1 / spread**2
        theta = choix.opt_pairwise(contenders, doubled, alpha=alpha, tol=1e-10)
        model = PairwiseFcts(doubled, alpha)
        for _ in range(20):
            theta = theta - np.linalg.solve(model.hessian(theta), model.gradient(theta))
        assert np.abs(model.gradient(theta)).max() < 1e-12
        curvature = model.hessian(theta) / 2
        pulls = np.zeros((groups, contenders))
        for c, i, j, score in games:
            surprise = score - 1 / (1 + np.exp(theta[j] - theta[i]))
            pulls[c, i] += surprise
            pulls[c, j] -= surprise
        centre = np.eye(contenders) - 1 / contenders
        inverse = centre @ np.linalg.inv(curvature) @ centre
        sandwich = groups / (groups - 1) * inverse @ pulls.T @ pulls @ inverse
        variance = np.maximum(np.diag(inverse), np.diag(sandwich))
        half = stats.t.ppf(0.975, groups - 1) * np.sqrt(variance)
        yield {"contenders": contenders, "games": games, "scores": theta, "half": half, "clustered": np.sqrt(np.diag(sandwich))}


def alpha():
    for raters, units, missing, values in [(2, 15, 0.0, 5), (3, 40, 0.3, 5), (5, 25, 0.6, 3), (4, 12, 0.2, 10)]:
        truth = random.integers(1, values + 1, units)
        data = np.clip(truth + np.round(random.normal(0, 0.8, (raters, units))), 1, values)
        data[random.uniform(size=data.shape) < missing] = np.nan
        one = {"units": [[v for v in data[:, u] if not np.isnan(v)] for u in range(units)]}
        for metric in ["nominal", "ordinal", "interval"]:
            one[metric] = krippendorff.alpha(data, level_of_measurement=metric)
        yield one


def kappa():
    for n, noise in [(12, 0.7), (60, 1.0), (200, 2.0)]:
        truth = random.integers(1, 6, n)
        a, b = (np.clip(truth + np.round(random.normal(0, noise, n)), 1, 5).astype(int) for _ in range(2))
        table = np.zeros((5, 5))
        np.add.at(table, (a - 1, b - 1), 1)
        one = {"pairs": np.stack([a, b], 1)}
        for name, weights in [("equal", None), ("linear", "linear"), ("quadratic", "quadratic")]:
            found = cohens_kappa(table, wt=weights)
            one[name] = [found.kappa, found.std_kappa]
        yield one


def capital(x, m, level):
    """The logarithm of the capital of betting on a mean above m, after each value of x between 0 and 1."""
    t = np.arange(1, len(x) + 1)
    mu = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mu) ** 2)) / (t + 1)
    before = np.append(0.25, variance[:-1])
    bets = np.sqrt(2 * np.log(2 / (1 - level)) / (before * t * np.log(t + 1)))
    return np.cumsum(np.log1p(np.minimum(bets, 0.5 / m) * (x - m)))


def check_confseq():
    try:
        from confseq.betting import betting_mart
    except ImportError:
        return
    x = random.beta(2, 3, 80)
    for m in [0.2, 0.4, 0.7]:
        ours = 0.5 * np.exp(np.maximum(capital(x, m, 0.95), capital(1 - x, 1 - m, 0.95)))
        theirs = betting_mart(x, m, alpha=0.05, convex_comb=False)
        assert np.allclose(ours, theirs, rtol=1e-10), (ours, theirs)
    print("confseq has the same capital")


def sequence():
    check_confseq()
    for n, effect in [(5, 0.0), (60, 0.5), (200, 1.0)]:
        x = np.clip(np.round(random.normal(effect, 1.2, n)), -4, 4)
        unit = (x + 4) / 8

        def out(side, m):
            return capital(side, m, 0.95).max() >= np.log(2 / 0.05)

        def edge(side):
            low, high = 1e-12, 1.0
            if not out(side, low):
                return 0.0
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if out(side, middle) else (low, middle)
            return low

        top = max(capital(unit, 0.5, 0.95).max(), capital(1 - unit, 0.5, 0.95).max())
        yield {
            "x": x,
            "low": -4 + 8 * edge(unit),
            "high": 4 - 8 * edge(1 - unit),
            "p": min(1, 2 / np.exp(top)),
        }


def pace():
    for n in [1, 5, 6, 33]:
        x = np.round(random.exponential(40, n), 3)
        one = {"x": x, "quartiles": np.quantile(x, [0.25, 0.5, 0.75])}
        k = int(stats.binom.ppf(0.025, n, 0.5))
        k = k if stats.binom.cdf(k, n, 0.5) > 0.025 else k + 1
        # k is the largest with P(X <= k - 1) at most 2.5 %.
        one["interval"] = [np.sort(x)[k - 1], np.sort(x)[n - k]] if k else None
        yield one


def main():
    warnings.simplefilter("error")
    made = {
        "wilson": list(wilson()),
        "binomial": list(binomial()),
        "wilcoxon": [with_shift(c) for c in wilcoxon()],
        "holm": list(holm()),
        "t_quantiles": list(t_quantiles()),
        "means": list(means()),
        "clustered": list(clustered()),
        "bradley_terry": list(bradley_terry()),
        "alpha": list(alpha()),
        "kappa": list(kappa()),
        "sequence": list(sequence()),
        "pace": list(pace()),
    }
    lines = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(rounded(case)) for case in cases) + "\n]" for name, cases in made.items()
    )
    OUT.write_text("{\n" + lines + "\n}\n")
    json.loads(OUT.read_text())
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
