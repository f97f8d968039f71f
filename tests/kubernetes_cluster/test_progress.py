"""Progress from the logs of real Pods on a node."""

from __future__ import annotations

from kubernetes_cluster.scene import Stage, Theatre, eventually, manifest_of
from unit_operator.builders import running, trainer_of

from collectiverun_operator.api.outcome import Progress

TALKS = """
import json, sys, time
print("a library's word", flush=True)
for step in range(1, 4):
    print(json.dumps({"kind": "progress", "envSteps": step * 100}), flush=True)
    print(json.dumps({"kind": "metrics", "envSteps": step * 100, "values": {}}), flush=True)
print('{"kind": "progr', flush=True)
time.sleep(600)
"""


async def talking_job(stage: Stage, run):
    manifest = manifest_of(run)
    trainer_of(manifest).update(command=["python", "-c", TALKS], env=[])
    return await stage.cluster.create_job(manifest)


async def newest(stage: Stage, run):
    uid = run["metadata"]["uid"]

    async def found():
        await stage.cluster.refresh(stage.namespace, uid)
        return await stage.cluster.progress(uid) or None

    return await eventually(found)


def test_the_newest_progress_of_a_running_pod_is_read_by_its_jobs_name(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run(podTemplate={})
        job = await talking_job(stage, run)

        async def said_everything():
            progress = (await newest(stage, run))[job["metadata"]["name"]]
            return progress if progress.env_steps == 300 else None

        assert isinstance(await eventually(said_everything), Progress)

    theatre.play(scene, progress_seconds=0.1)


def test_a_log_is_read_once_in_an_interval(theatre: Theatre):
    async def until_it_talks(stage: Stage):
        run = await stage.make_run(podTemplate={})
        await talking_job(stage, run)
        await newest(stage, run)
        return run

    async def scene(stage: Stage):
        await newest(stage, run)
        before = len(stage.requests)
        for _ in range(5):
            assert await stage.cluster.progress(run["metadata"]["uid"])
        assert len(stage.requests) == before

    # A log that is read before anything is in it would not be read again for as long.
    run = theatre.play(until_it_talks, progress_seconds=0.1)
    theatre.play(scene, progress_seconds=600)


def test_a_log_that_can_not_be_read_is_no_error_and_asked_for_again(theatre: Theatre):
    """The Pod is said to run on a node that is lost: the API server can't reach its log.

    That it is asked for less and less is shown where the clock is the test's, in `unit_operator`.
    """

    async def scene(stage: Stage):
        run = await stage.make_run()
        uid = run["metadata"]["uid"]
        job = await stage.cluster.create_job(manifest_of(run))
        pod = await stage.pod_of(job)
        await stage.bind(pod, "lost")
        await stage.set_pod_status(pod, running())

        async def runs():
            return any(found["status"].get("phase") == "Running" for found in await stage.cluster.pods(uid))

        await stage.refreshed(run, runs)
        stage.requests.clear()

        async def is_asked_twice():
            assert await stage.cluster.progress(uid) == {}
            return len(stage.requests) >= 2

        await eventually(is_asked_twice)
        assert all(verb == "get" and code >= 400 for verb, code in stage.requests)

    theatre.play(scene, progress_seconds=0.1)
