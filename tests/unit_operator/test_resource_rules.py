"""Resources that can't be meant are refused with their field, before anything starts."""

import pytest
from unit_operator.builders import HERE, a_body

from collectiverun_operator.api.run import parse_run
from collectiverun_operator.errors import InvalidRun

PATH = "spec.phases.experts.resources"
REFUSED = {
    "bytes": (
        {"limits": {"memory": 4}},
        f"{PATH}.limits.memory: 4 bytes; write 4Gi if you mean that: no trainer",
    ),
    "bytes as a word": ({"requests": {"memory": "8"}}, f"{PATH}.requests.memory: 8 bytes; write 8Gi"),
    "too little": (
        {"limits": {"memory": "10Mi"}},
        f"{PATH}.limits.memory: 10Mi: no trainer starts with less than 64Mi",
    ),
    "more than the limit": (
        {"requests": {"memory": "8Gi"}, "limits": {"memory": "4Gi"}},
        f"{PATH}.requests.memory: 8Gi is more than limits.memory 4Gi; lower it, or raise the limit",
    ),
    "a name that no resource has": (
        {"limits": {"gpu": 1}},
        f"{PATH}.limits.gpu: Kubernetes has no resource 'gpu'; a device's has its vendor's domain: nvidia",
    ),
    "more cores than the limit": (
        {"requests": {"cpu": 3}, "limits": {"cpu": "2500m"}},
        f"{PATH}.requests.cpu: 3 is more than limits.cpu 2500m",
    ),
}
TAKEN = [
    {},
    {"limits": {"memory": "64Mi", "hugepages-2Mi": "4Mi", "nvidia.com/gpu": 1}},
    {"requests": {"ephemeral-storage": "1Gi"}},
    {"requests": {"cpu": "2"}, "limits": {"cpu": 2, "memory": "4G"}},
]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_field(name):
    resources, words = REFUSED[name]
    with pytest.raises(InvalidRun) as refused:
        parse_run(a_body(phases={"experts": {"resources": resources}}), HERE)
    assert words in str(refused.value)


@pytest.mark.parametrize("resources", TAKEN)
def test_what_can_be_meant_is_taken(resources):
    parse_run(a_body(phases={"experts": {"resources": resources}}), HERE)


def test_a_phase_that_does_not_run_may_ask_for_anything():
    phases = {"students": {"enabled": False, "resources": {"limits": {"memory": 4}}}}
    parse_run(a_body(phases=phases), HERE)
