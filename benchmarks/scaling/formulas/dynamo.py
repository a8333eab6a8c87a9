"""
The planner of Dynamo, re-implemented from its published formulas and fed the engine's true profile.

Predictive: the requests and lengths of the next interval are those of the last (its `constant` predictor, or a linear
one); `ceil(requests a second / what one engine carries within the SLO)`. Reactive: every 5 s one more when the KV cache
of any engine is over a threshold, one less when all are below another, never below the prediction.
"""

import math
from dataclasses import dataclass

from benchmarks.scaling.formulas.signals import Rates, kept, kv_usage, pages
from modelfleet.scaling import ScalingPolicy, Slo
from modelfleet.scaling.simulation.profile import EngineProfile
from modelfleet.scaling.simulation.scaler import Seen, Verdict


def engine_rate(profile: EngineProfile, slo: Slo, *, prompt: float, output: float) -> float:
    """Return the requests a second one engine carries within *slo*: the largest batch whose steps are fast enough."""
    best, context = 0.0, prompt + output / 2
    for batch in range(1, profile.sequences + 1):
        if batch * context > profile.kv_tokens:
            break
        tokens = batch * (1 + prompt / output)
        seconds = profile.step_seconds(
            tokens=int(tokens), kv_tokens=int(batch * context), attended=batch / output * prompt * prompt / 2
        )
        prefill = profile.step_seconds(tokens=int(prompt + batch), kv_tokens=int(batch * context)) + seconds
        if seconds > slo.inter_token_seconds or prefill > slo.time_to_first_token_seconds:
            break
        best = batch / (output * seconds)
    return best


@dataclass
class Dynamo:
    """*headroom* multiplies the prediction: 1 by default."""

    policy: ScalingPolicy
    profile: EngineProfile
    throughput_seconds: float = 180.0
    headroom: float = 1.0
    is_linear: bool = False
    reacts: bool = False
    up_at: float = 1.0
    down_at: float = 0.6
    interval_seconds: float = 5.0

    def __post_init__(self) -> None:
        fields = ("time_to_first_token_count", "prompt_tokens", "generation_tokens")
        self.rates = [Rates(field) for field in fields]
        self.next_at, self.least, self.before = 0.0, 0, 0.0

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return the larger of the prediction and the reaction."""
        current = len(kept(seen.observation))
        if now >= self.next_at:
            self.least = self._predicted(seen) if self.next_at else current
            self.next_at = now + self.throughput_seconds
        wanted = self.least if not self.reacts else max(self.least, current + self._reaction(seen, current))
        return Verdict(max(self.policy.min_replicas, min(self.policy.max_replicas, wanted)))

    def _predicted(self, seen: Seen) -> int:
        requests, prompts, outputs = (rate.per_second(seen.observation) for rate in self.rates)
        if not requests or self.policy.slo is None:
            return self.least
        expected = max(0.0, 2 * requests - self.before) if self.is_linear and self.before else requests
        self.before = requests
        carried = engine_rate(self.profile, self.policy.slo, prompt=prompts / requests, output=outputs / requests)
        return math.ceil(self.headroom * expected / max(carried, 1e-6))

    def _reaction(self, seen: Seen, current: int) -> int:
        found = [kv_usage(page) for page in pages(seen.observation)]
        if len(found) != current:
            return 0
        if max(found) > self.up_at:
            return 1
        return -1 if max(found) < self.down_at else 0
