"""What does not change is said in the same words, so that a status is not written again."""

from typing import Any

from tests.workload.status.pods import crashed, waiting

from modelfleet.workload.status.failures import failure_of

REFUSAL = "rpc error: code = NotFound desc = failed to pull and unpack image: not found"


def test_an_image_is_missing_in_the_same_words_between_two_tries_of_the_kubelet() -> None:
    trying = waiting("ErrImagePull", REFUSAL)
    pausing = waiting("ImagePullBackOff", f'Back-off pulling image "vllm/vllm-openai:v9": ErrImagePull: {REFUSAL}')

    assert failure_of(trying) == failure_of(pausing)


def test_a_program_that_is_missing_has_one_reason_whether_the_kubelet_tries_or_pauses() -> None:
    missing = 'failed to create containerd task: exec: "vllm": executable file not found in $PATH'
    ended: dict[str, Any] = {"exitCode": 128, "reason": "StartError", "message": missing}
    trying = waiting("RunContainerError", missing, lastState={"terminated": ended})
    pausing = crashed(**ended)

    assert failure_of(trying) == failure_of(pausing)
