"""The page that a simulated engine would show on `/metrics`, as the scaler reads it."""

from itertools import accumulate

from modelfleet.scaling.observation import Counters
from modelfleet.scaling.simulation.replica import Replica
from modelfleet.scaling.simulation.totals import TIME_TO_FIRST_TOKEN_BOUNDS


def metrics_page(replica: Replica, *, now: float, epoch: float) -> Counters:
    """Return the counters of *replica* at *now*: all steps that are complete count, the one under way does not."""
    totals, kv = replica.totals, replica.kv
    steps = replica.steps_done(now)
    decoded = kv.decoding * steps
    return Counters(
        at=epoch + now,
        running=float(len(replica.running)),
        waiting=float(len(replica.waiting)),
        kv_usage=min(1.0, kv.used(replica.tick, steps) / kv.blocks),
        kv_capacity_tokens=float(replica.profile.kv_tokens),
        prompt_tokens=float(totals.prompt_tokens),
        cached_prompt_tokens=float(totals.cached_tokens),
        generation_tokens=float(totals.generated_tokens + decoded),
        finished_requests=float(totals.finished),
        preemptions=float(totals.preemptions),
        inter_token_latency_seconds_sum=totals.gap_seconds + kv.decoding * replica.run_seconds(steps),
        inter_token_latency_count=float(totals.gaps + decoded),
        iteration_tokens_sum=float(totals.iteration_tokens + decoded),
        iteration_tokens_count=float(totals.iterations + steps),
        time_to_first_token_seconds_sum=totals.first_token_seconds,
        time_to_first_token_count=float(totals.first_tokens),
        time_to_first_token_buckets=tuple(
            zip(TIME_TO_FIRST_TOKEN_BOUNDS, map(float, accumulate(totals.first_token_counts)), strict=False)
        ),
    )
