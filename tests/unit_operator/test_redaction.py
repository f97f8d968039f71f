"""What a bug report must not tell: a harmless word stands in for a credential wherever one can stand."""

import json

import pytest

from collectiverun_operator.cli.dump_archive import Dump, ending
from collectiverun_operator.cli.redaction import HIDDEN, Redactor, secrets_of

MARK = "Zebra7Crossing"
AWS_KEY = "AKIA" + "ABCDEFGH01234567"
TEMPLATE = {
    "metadata": {"annotations": {"vault": MARK}, "labels": {"team": "robots"}},
    "spec": {
        "containers": [
            {
                "name": "trainer",
                "env": [{"name": "SOMETHING", "value": MARK}, {"name": "B", "valueFrom": {"x": MARK}}],
                "args": ["--login", MARK],
                "command": ["sh", "-c", f"curl -u me:{MARK} http://x"],
                "livenessProbe": {"httpGet": {"path": f"/?token={MARK}", "httpHeaders": [{"value": MARK}]}},
                "resources": {"limits": {"memory": "8Gi", "nvidia.com/gpu": 1}},
            }
        ],
        "volumes": [{"name": "v", "csi": {"driver": "x", "volumeAttributes": {"a": MARK}}}],
    },
}


@pytest.mark.parametrize(
    "document",
    [
        {"spec": {"podTemplate": TEMPLATE}},
        {"spec": {"phases": {"experts": {"podTemplate": TEMPLATE}}}},
        {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(MARK)}}},
        {"spec": {"storage": {"endpoint": f"https://me:{MARK}@s3.example.com:9000"}}},
        {"spec": {"storage": {"uri": f"s3://bucket/x?X-Amz-Signature={MARK}&y=1"}}},
        {"status": {"lastFailure": {"message": f"GET http://h/?access_token={MARK} failed"}}},
        {"status": {"accessKey": MARK}},
        {"anything": [{"env": [{"name": "A", "value": MARK}]}]},
    ],
    ids=lambda document: json.dumps(document)[:40],
)
def test_documents(document):
    hidden = json.dumps(Redactor([]).document(document))
    assert MARK not in hidden
    assert HIDDEN in hidden


@pytest.mark.parametrize(
    "text",
    [
        f"AWS_SECRET_ACCESS_KEY={MARK}",
        f"aws_secret_access_key = {MARK}",
        f'{{"aws_session_token": "{MARK}"}}',
        f'{{"kind": "log", "message": "{{\\"password\\": \\"{MARK}\\"}}"}}',
        f"X-Api-Key: {MARK}",
        f"Authorization: Bearer {MARK}",
        f"Authorization: Basic {MARK}==",
        f"wandb login --api-key {MARK}",
        f"https://me:{MARK}@example.com/x and redis://:{MARK}@h",
        f"https://b.s3.amazonaws.com/k?X-Amz-Security-Token={MARK}&X-Amz-Signature={MARK}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{MARK}\n-----END RSA PRIVATE KEY-----",
        f"{MARK}\n-----END PRIVATE KEY-----\nhello",
        f"token eyJhbGciOiJIUzI1NiJ9.{MARK}.{MARK}",
        f"hf_{MARK}0123456789",
    ],
)
def test_forms_of_credentials_in_text(text):
    assert MARK not in Redactor([]).text(text)


def test_a_key_id_of_aws_has_a_form():
    assert Redactor([]).text(f"user {AWS_KEY} may not") == f"user {HIDDEN} may not"


def test_what_is_known_to_be_secret_is_hidden_wherever_it_stands():
    spec = {"podTemplate": {"spec": {"containers": [{"env": [{"name": "A", "value": "own/value 1"}]}]}}}
    made = [{"env": [{"name": "HF_TOKEN", "value": "injected"}, {"name": "HOME", "value": "/home/trainer"}]}]
    environment = {"AWS_SECRET_ACCESS_KEY": MARK, "AWS_REGION": "eu-central-1", "WANDB_API_KEY": "shorter"}
    credentials = '[default]\naws_access_key_id = fromfile\nregion = eu-north-1\naws_session_token="quoted\n'
    redactor = Redactor(secrets_of(spec, made, environment, credentials))
    told = (
        f"a {MARK}, b own/value 1, c own%2Fvalue%201, d injected, e fromfile, f shorter,"
        f' g \\"quoted, h /home/trainer eu-central-1 eu-north-1'
    )
    hidden = redactor.text(told)
    letters = ", ".join(f"{letter} {HIDDEN}" for letter in "abcdefg")
    assert hidden == f"{letters}, h /home/trainer eu-central-1 eu-north-1"


def test_short_values_are_not_hidden_everywhere():
    spec = {"env": [{"name": "DEBUG", "value": "true"}]}
    redactor = Redactor(secrets_of(spec, [], {}))
    assert redactor.document({"suspend": "true", "x": True}) == {"suspend": "true", "x": True}
    assert redactor.document(spec)["env"] == [{"name": "DEBUG", "value": HIDDEN}]


def test_what_a_report_needs_stays():
    document = {
        "spec": {
            "seed": 1,
            "storage": {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}},
            "podTemplate": TEMPLATE,
        },
        "status": {"lastFailure": {"message": "s3://bucket/runs: the bucket does not exist"}},
    }
    hidden = Redactor([]).document(document)
    assert hidden["status"] == document["status"]
    assert hidden["spec"]["storage"] == document["spec"]["storage"]
    (container,) = hidden["spec"]["podTemplate"]["spec"]["containers"]
    assert (container["name"], container["resources"]) == (
        "trainer",
        {"limits": {"memory": "8Gi", "nvidia.com/gpu": 1}},
    )
    assert [variable["name"] for variable in container["env"]] == ["SOMETHING", "B"]


def test_a_log_is_cut_at_a_line_and_it_is_told():
    dump = Dump(Redactor([]))
    dump.add_log("a.log", b"0123456789\n" * 40_000)
    (entry,) = dump.entries
    assert entry.note == "its end: 256 KiB of 430 KiB"
    assert entry.content.startswith(b"0123456789\n")
    assert len(entry.content) <= 256 * 1024


def test_of_one_line_that_is_cut_no_part_of_a_word_is_left():
    assert ending(b"a secret and more words", 14) == b"more words"
    assert ending(b"x" * 100, 14) == b""
    assert ending(b"one\ntwo\nthree\n", 10) == b"three\n"


def test_all_logs_together_are_bounded():
    dump = Dump(Redactor([]))
    for number in range(140):
        dump.add_log(f"{number}.log", b"x 89012345\n" * 30_000)
    assert sum(len(entry.content) for entry in dump.entries) <= 32 * 1024 * 1024
    assert len(dump.entries) + len(dump.missing) == 140
    assert dump.missing[0] == "128.log: all logs together are limited to 32.0 MiB"
