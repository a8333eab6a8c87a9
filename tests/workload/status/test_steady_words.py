"""What does not change is said in the same words, so that a status is not written again."""

from tests.workload.status.pods import waiting

from modelfleet.workload.status.failures import failure_of

REFUSAL = "rpc error: code = NotFound desc = failed to pull and unpack image: not found"


def test_an_image_is_missing_in_the_same_words_between_two_tries_of_the_kubelet() -> None:
    trying = waiting("ErrImagePull", REFUSAL)
    pausing = waiting("ImagePullBackOff", f'Back-off pulling image "vllm/vllm-openai:v9": ErrImagePull: {REFUSAL}')

    assert failure_of(trying) == failure_of(pausing)
