"""Arguments a user adds to the engine."""

import pytest

from modelfleet.api.catalogue import EngineFlags, EngineVersion
from modelfleet.api.catalogue.flag_table import flag_table
from modelfleet.api.catalogue.owned_flags import FIELDS, OWNED_FLAGS, POLICIES


def messages(*args: str, version: str = "0.33.0") -> list[str]:
    return [problem.message for problem in EngineFlags.for_version(EngineVersion.parse(version)).check_extra_args(args)]


@pytest.mark.parametrize(
    "args",
    [
        ("--seed", "7"),
        ("--seed=7",),
        ("--seed", "-7"),
        ("--trust-remote-code",),
        ("--no-trust-remote-code",),
        ("--async-scheduling", "--seed", "1"),
        ("--hf-overrides", '{"rope_scaling": {"factor": 4.0}}'),
        ("--limit-mm-per-prompt.image", "2"),
        ("--compilation-config.pass_config.fuse_norm_quant=true",),
        ("--compilation-config.cudagraph_capture_sizes+", "4"),
        ("-cc.mode=3",),
        ("-O2",),
        ("--middleware", "a.b", "--middleware", "c.d"),
        ("--allowed-media-domains", "a.example", "b.example"),
        ("--hf-config-path", "x"),
        ("--safetensors-prefetch-block-size", "8k"),
    ],
)
def test_what_the_engine_takes_is_left_alone(args: tuple[str, ...]) -> None:
    assert messages(*args) == []


def test_what_follows_a_flag_that_is_gone_is_not_judged() -> None:
    assert messages("--swap-space", "4", version="0.16.0") == []
    assert messages("--swap-space", version="0.16.0") == []


@pytest.mark.parametrize(
    ("args", "version", "expected"),
    [
        (("--max-logpro", "5"), "0.33.0", 'the full name of a flag: "--max-logpro" begins "--max-logprobs"'),
        (("--max-model", "4096"), "0.33.0", '"--max-model-len" (use `engine.maxModelLen`)'),
        (("--max_logprobs", "5"), "0.33.0", 'spelled with dashes: "--max-logprobs"'),
        (("--trust-remote-cod",), "0.33.0", 'begins "--trust-remote-code"'),
        (("--scheduling-polcy", "fcfs"), "0.33.0", 'did you mean "--scheduling-policy"?'),
        (("--frobnicate",), "0.33.0", 'must be a flag of vLLM 0.33.0, not "--frobnicate"'),
        (("-x",), "0.33.0", 'must be a flag of vLLM 0.33.0, not "-x"'),
        (("--watermark", "0.1"), "0.18.1", 'a flag of vLLM 0.18.1: "--watermark" exists from 0.24.0 on'),
        (("--max-num-partial-prefills", "2"), "0.33.0", '"--max-num-partial-prefills" was removed after 0.26.0'),
        (("--task", "generate"), "0.33.0", "was removed after 0.12.0"),
        (
            ("--disable-sleep-mode",),
            "0.32.0",
            '"--disable-sleep-mode" exists from 0.33.0 on; use "--no-enable-sleep-mode"',
        ),
        (("seven",), "0.33.0", 'must be a flag such as "--seed", not "seven"'),
        (("--seed 7",), "0.33.0", 'must be two arguments, "--seed" and "7"'),
        (("--seed",), "0.33.0", 'must be followed by a value: "--seed" needs one'),
        (("--seed", "7", "8"), "0.33.0", 'must not be followed by "8": "--seed" takes one value'),
        (("--async-scheduling", "true"), "0.33.0", '"--async-scheduling" takes no value'),
        (("--middleware", "-x"), "0.33.0", 'a value that begins with a dash is joined with "="'),
        (("--seed", "many"), "0.33.0", 'must be an integer for "--seed", not "many"'),
        (("--watermark", "much"), "0.33.0", 'must be a number for "--watermark", not "much"'),
        (("--scheduling-policy", "lifo"), "0.33.0", 'must be one of "fcfs", "priority" for "--scheduling-policy"'),
        (("--seed.x", "1"), "0.33.0", '"--seed" is not a JSON object'),
        (("--tensor-parallel-size", "2"), "0.33.0", "use `engine.tensorParallelSize`"),
        (("-tp", "2"), "0.33.0", 'must not be "-tp": use `engine.tensorParallelSize`'),
        (("-tp=2",), "0.33.0", "use `engine.tensorParallelSize`"),
        (("--no-enable-prefix-caching",), "0.33.0", "use `engine.prefixCaching` of a CachePolicy"),
        (("--disable-prefix-caching",), "0.33.0", "use `engine.prefixCaching` of a CachePolicy"),
        (("--speculative-config.method", "ngram"), "0.33.0", "use `engine.speculative`"),
        (("--shutdown-timeout", "5"), "0.9.2", "use `rollout.drainSeconds`"),
        (("--api-key", "secret"), "0.33.0", "the operator's probes have no key"),
        (("--disable-log-stats",), "0.33.0", "it removes the metrics"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(args: tuple[str, ...], version: str, expected: str) -> None:
    found = messages(*args, version=version)

    assert len(found) >= 1
    assert expected in found[0]


def test_choices_are_held_against_the_newest_version_only() -> None:
    assert messages("--scheduling-policy", "lifo", version="0.32.0") == []


def test_every_problem_is_reported_at_its_place() -> None:
    flags = EngineFlags.for_version(EngineVersion.parse("0.33.0"))

    found = flags.check_extra_args(["--seed", "7", "--frobnicate", "--port", "80", "--task", "x"])

    assert [(problem.index, problem.argument) for problem in found] == [
        (2, "--frobnicate"),
        (3, "--port"),
        (5, "--task"),
    ]


def test_a_value_is_not_repeated_with_an_owned_flag() -> None:
    assert "secret" not in messages("--api-key=secret")[0]


def test_callers_can_own_other_flags() -> None:
    flags = EngineFlags.for_version(EngineVersion.parse("0.33.0"))

    assert flags.check_extra_args(["--port", "80"], {}) == []
    assert "ask us" in flags.check_extra_args(["--seed", "7"], {"--seed": "ask us"})[0].message


@pytest.mark.parametrize("flag", OWNED_FLAGS)
def test_every_owned_flag_exists_in_some_version(flag: str) -> None:
    assert flag_table().named(flag) is not None


@pytest.mark.parametrize("field", [*FIELDS.values(), *POLICIES.values()])
def test_every_owner_is_a_path_of_fields(field: str) -> None:
    assert all(part.isidentifier() for part in field.split("."))
