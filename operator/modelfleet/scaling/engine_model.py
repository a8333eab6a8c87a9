"""
The engine, learned from its own counters: how long a step takes, and how much of a replica a stream of requests needs.

One step of continuous batching reads the weights, reads the KV cache of what runs, and computes its tokens:

    T = a + d·K + g·n            seconds

with K the tokens in the KV cache and n the tokens that the step processes, prompt and generated. Every running request
gets one token a step, so T is also the latency between its tokens. Let a replica process λ·p prompt tokens and G
generated tokens a second, of requests with a mean context of ctx tokens. Then 1/T steps a second process
n = (λ·p + G)·T tokens each, G·T requests run, and K = ctx·G·T. Put into the first line:

    T = a / (1 - R)    with    R = g·(λ·p + G) + d·ctx·G

R is the share of time that is not spent on `a`. It is linear in the traffic: twice the requests are twice the R, and
the R of two streams add. So R is the *work* of a stream, in replicas: a replica saturates at R = 1, where the queue
grows without end, and is slower than an inter-token objective S from R = 1 - a/S on.

a, d and g come from least squares over (T, K, n) of every pod and interval in which at least two requests ran, with
errors relative to T (latencies of a busy and of a calm pod count alike), forgetting old intervals, around a prior:
where the load never varies, what it cannot tell apart stays in the ratio of the prior. The sums of the normal equations
are kept instead of a covariance: the same estimate, and they cannot lose their positivity by rounding.
"""

from dataclasses import dataclass

FORGETTING = 0.998
"""Weight of what was known, at each interval of a pod: 500 intervals are remembered."""

PRIOR_STEP_SECONDS = 0.012
"""a: 8B in 16 bits on an A100, as all of the prior."""
PRIOR_SECONDS_PER_CONTEXT_TOKEN = 0.06e-6
"""d."""
PRIOR_SECONDS_PER_TOKEN = 60e-6
"""g."""
SPREAD = 10.0
"""Engines are at most so many times faster or slower than the prior in each coefficient."""

# The sums are kept in units in which the three coefficients have one size.
_CONTEXT = 1e5
_TOKENS = 1e3
_PRIOR = (PRIOR_STEP_SECONDS, PRIOR_SECONDS_PER_CONTEXT_TOKEN * _CONTEXT, PRIOR_SECONDS_PER_TOKEN * _TOKENS)
_NOISE_TO_PRIOR = (0.15 / 0.5) ** 2
"""Relative error of an interval against that of the prior, squared."""
_RIDGE = (_NOISE_TO_PRIOR / _PRIOR[0] ** 2, _NOISE_TO_PRIOR / _PRIOR[1] ** 2, _NOISE_TO_PRIOR / _PRIOR[2] ** 2)

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class EngineModel:
    """Seconds of a step: without load, for each token in the KV cache, and for each token it processes."""

    step_seconds: float = PRIOR_STEP_SECONDS
    seconds_per_context_token: float = PRIOR_SECONDS_PER_CONTEXT_TOKEN
    seconds_per_token: float = PRIOR_SECONDS_PER_TOKEN

    def work(self, *, prompt_rate: float, generation_rate: float, context_tokens: float) -> float:
        """Return R, in replicas, of so many tokens a second at a mean context of *context_tokens*."""
        compute = self.seconds_per_token * (prompt_rate + generation_rate)
        return compute + self.seconds_per_context_token * context_tokens * generation_rate


@dataclass(frozen=True, slots=True)
class EngineSums:
    """What is remembered of all intervals: the normal equations of the least squares, lower triangle by rows."""

    products: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    targets: Vector = (0.0, 0.0, 0.0)
    intervals: float = 0.0
    """How many intervals they hold, forgotten ones left out."""

    def with_interval(self, *, seconds: float, context_tokens: float, tokens: float) -> "EngineSums":
        """Return them with one interval of one pod: mean seconds and tokens of a step, and mean tokens in KV."""
        one = 1.0 / seconds
        context, count = context_tokens / _CONTEXT * one, tokens / _TOKENS * one
        p, t, keep = self.products, self.targets, FORGETTING
        return EngineSums(
            (
                p[0] * keep + one * one,
                p[1] * keep + context * one,
                p[2] * keep + context * context,
                p[3] * keep + count * one,
                p[4] * keep + count * context,
                p[5] * keep + count * count,
            ),
            (t[0] * keep + one, t[1] * keep + context, t[2] * keep + count),
            self.intervals * keep + 1.0,
        )

    def model(self) -> EngineModel:
        """Return the coefficients that fit best; none is further from the prior than `SPREAD` allows."""
        step, context, token = _solved(self.products, self.targets)
        return EngineModel(step, context / _CONTEXT, token / _TOKENS)


def _solved(products: tuple[float, float, float, float, float, float], targets: Vector) -> Vector:
    """
    Return the least squares within the bounds.

    Coordinates in turn, each at its best for the others, clipped: it converges since the problem is convex, and the
    bounds need no cases. Twelve rounds bring the error far below that of the data.
    """
    p00, p10, p11, p20, p21, p22 = products
    p00, p11, p22 = p00 + _RIDGE[0], p11 + _RIDGE[1], p22 + _RIDGE[2]
    t0, t1, t2 = (t + ridge * prior for t, ridge, prior in zip(targets, _RIDGE, _PRIOR, strict=True))
    step, context, token = _exact((p00, p10, p11, p20, p21, p22), (t0, t1, t2))
    if _is_within(step, 0) and _is_within(context, 1) and _is_within(token, 2):
        return step, context, token
    step, context, token = _PRIOR
    for _ in range(12):
        step = _clipped((t0 - p10 * context - p20 * token) / p00, 0)
        context = _clipped((t1 - p10 * step - p21 * token) / p11, 1)
        token = _clipped((t2 - p20 * step - p21 * context) / p22, 2)
    return step, context, token


def _exact(products: tuple[float, float, float, float, float, float], targets: Vector) -> Vector:
    """Return the solution without bounds, by Cholesky's factors."""
    p00, p10, p11, p20, p21, p22 = products
    l00 = p00**0.5
    l10, l20 = p10 / l00, p20 / l00
    l11 = (p11 - l10 * l10) ** 0.5
    l21 = (p21 - l20 * l10) / l11
    l22 = (p22 - l20 * l20 - l21 * l21) ** 0.5
    y0 = targets[0] / l00
    y1 = (targets[1] - l10 * y0) / l11
    y2 = (targets[2] - l20 * y0 - l21 * y1) / l22
    token = y2 / l22
    context = (y1 - l21 * token) / l11
    return (y0 - l10 * context - l20 * token) / l00, context, token


def _is_within(value: float, index: int) -> bool:
    return _PRIOR[index] / SPREAD <= value <= _PRIOR[index] * SPREAD


def _clipped(value: float, index: int) -> float:
    return min(max(value, _PRIOR[index] / SPREAD), _PRIOR[index] * SPREAD)
