"""
How long one decision takes: 20 pods with news from each, histories as full as they get.

    python -m benchmarks.scaling.decide

Prints the median and the 99th percentile in milliseconds of processor time; the limits are 0.3 and 1.
"""

import time
from dataclasses import replace

from modelfleet.scaling import Counters, History, Observation, PodObservation, ScalingPolicy, Slo, decide

PODS = 20
DECISIONS = 2000
WARM_UP = 1500
"""Decisions until everything that is remembered is full: two hours of the forecast's outcomes."""
BEGIN = 1_800_000_000.0
POLICY = ScalingPolicy(
    min_replicas=1, max_replicas=100, slo=Slo(time_to_first_token_seconds=1.0, inter_token_seconds=0.066)
)


def page(at: float, tick: int, pod: int) -> Counters:
    """Return the page of one pod: about half of what it carries, with some variation."""
    requests = tick * 25.0 + (tick * 7 + pod * 3) % 11
    return Counters(
        at=at,
        running=20.0 + (tick + pod) % 9,
        waiting=float((tick + pod) % 13 == 0),
        kv_usage=0.1 + 0.01 * ((tick + pod) % 7),
        kv_capacity_tokens=435_000.0,
        prompt_tokens=requests * 1000.0,
        cached_prompt_tokens=requests * 100.0,
        generation_tokens=requests * 250.0,
        finished_requests=requests,
        preemptions=0.0,
        inter_token_latency_seconds_sum=requests * 250.0 * 0.025,
        inter_token_latency_count=requests * 250.0,
        iteration_tokens_sum=requests * 1150.0,
        iteration_tokens_count=tick * 200.0 + (tick * pod) % 17,
        time_to_first_token_seconds_sum=requests * 0.2,
        time_to_first_token_count=requests,
        time_to_first_token_buckets=((0.1, requests * 0.1), (0.5, requests * 0.9), (1.0, requests), (2.5, requests)),
    )


def main() -> None:
    """Measure and print."""
    pods = tuple(PodObservation(name=f"pod-{i:02d}", created=BEGIN - 300, ready_at=BEGIN - 100) for i in range(PODS))
    history, milliseconds = History(), []
    for tick in range(WARM_UP + DECISIONS):
        now = BEGIN + 5.0 * tick
        seen = tuple(replace(pod, counters=page(now - 0.5, tick, i)) for i, pod in enumerate(pods))
        observation = Observation(at=now, pods=seen, replicas=PODS)
        begin = time.process_time()
        _, history = decide(POLICY, observation, history, now)
        if tick >= WARM_UP:
            milliseconds.append(1000 * (time.process_time() - begin))
    milliseconds.sort()
    print(f"median {milliseconds[DECISIONS // 2]:.3f} ms, p99 {milliseconds[DECISIONS * 99 // 100]:.3f} ms")


if __name__ == "__main__":
    main()
