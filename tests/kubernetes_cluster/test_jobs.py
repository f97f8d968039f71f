"""Jobs on a real API server: made once, deleted by UID, and believed gone only when the server says so."""

from __future__ import annotations

import copy

import pytest
from kubernetes_cluster.scene import Stage, Theatre, eventually, manifest_of
from unit_operator.builders import a_result, ended, running

from collectiverun_operator.api.outcome import Succeeded
from collectiverun_operator.cluster.kubernetes import paths as paths
from collectiverun_operator.errors import NameTakenError
from collectiverun_operator.plan.observation import observe


def uids(bodies):
    return [body["metadata"]["uid"] for body in bodies]


def test_a_job_made_twice_is_one_job(theatre: Theatre):
    async def scene(stage: Stage):
        manifest = manifest_of(await stage.make_run())
        first = await stage.cluster.create_job(manifest)
        second = await stage.cluster.create_job(manifest)
        assert first["metadata"]["uid"] == second["metadata"]["uid"]
        assert len(await stage.jobs()) == 1

    theatre.play(scene)


def test_a_job_is_in_the_cache_as_soon_as_it_is_made(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        job = await stage.cluster.create_job(manifest_of(run))
        (known,) = await stage.cluster.jobs(run["metadata"]["uid"])
        assert known["metadata"]["uid"] == job["metadata"]["uid"]

    theatre.play(scene)


def test_a_name_that_another_owner_has_is_told_and_its_job_left_alone(theatre: Theatre):
    async def scene(stage: Stage):
        manifest = manifest_of(await stage.make_run())
        other = copy.deepcopy(manifest)
        owner = await stage.make_run("other")
        other["metadata"]["ownerReferences"][0] |= {"name": "other", "uid": owner["metadata"]["uid"]}
        theirs = await stage.admin.send("create", paths.jobs(stage.namespace), body=other)
        with pytest.raises(NameTakenError, match=manifest["metadata"]["name"]):
            await stage.cluster.create_job(manifest)
        (left,) = await stage.jobs()
        assert left["metadata"]["uid"] == theirs["metadata"]["uid"]

    theatre.play(scene)


def test_a_job_is_asked_for_by_name_and_known_from_then_on(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        uid, manifest = run["metadata"]["uid"], manifest_of(run)
        name = manifest["metadata"]["name"]
        assert await stage.cluster.job(stage.namespace, name, uid) is None
        await stage.admin.send("create", paths.jobs(stage.namespace), body=manifest)
        assert await stage.cluster.jobs(uid) == []
        assert await stage.cluster.job(stage.namespace, name, "another run") is None
        assert (await stage.cluster.job(stage.namespace, name, uid))["metadata"]["name"] == name
        assert len(await stage.cluster.jobs(uid)) == 1

    theatre.play(scene)


def test_only_the_job_of_the_uid_is_deleted(theatre: Theatre):
    async def scene(stage: Stage):
        manifest = manifest_of(await stage.make_run())
        await stage.cluster.create_job(manifest)
        await stage.cluster.delete_job(stage.namespace, manifest["metadata"]["name"], "of an older Job")
        (job,) = await stage.jobs()
        assert "deletionTimestamp" not in job["metadata"]

    theatre.play(scene)


def test_deleting_what_is_gone_is_success_and_the_cache_learns_of_it(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        job = await stage.cluster.create_job(manifest_of(run))
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        await stage.remove(paths.job(stage.namespace, name))
        await stage.cluster.delete_job(stage.namespace, name, uid)
        assert await stage.cluster.jobs(run["metadata"]["uid"]) == []

    theatre.play(scene)


def test_a_finished_job_goes_soon_and_is_not_waited_for(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        job = await stage.cluster.create_job(manifest_of(run))
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        for _ in range(2):
            await stage.cluster.delete_job(stage.namespace, name, uid, is_finished=True)

        async def is_gone():
            return not await stage.jobs() and not await stage.cluster.jobs(run["metadata"]["uid"])

        await eventually(is_gone)
        assert stage.requests.count(("delete", 200)) == 1

    theatre.play(scene)


def test_a_deleted_job_is_terminating_until_its_pods_are_gone(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        job = await stage.cluster.create_job(manifest_of(run))
        pod = await stage.pod_of(job)
        # A finalizer stands for a kubelet that has not yet stopped the container.
        path = f"{paths.pods(stage.namespace)}/{pod['metadata']['name']}"
        await stage.change(path, {"metadata": {"finalizers": ["testbed.collectiverl.io/running"]}})
        await stage.cluster.delete_job(stage.namespace, job["metadata"]["name"], job["metadata"]["uid"])
        (known,) = await stage.cluster.jobs(run["metadata"]["uid"])
        assert known["metadata"]["deletionTimestamp"]

        async def is_terminating():
            found = await stage.admin.find(path)
            return found["metadata"].get("deletionTimestamp")

        await eventually(is_terminating)
        assert len(await stage.jobs()) == 1
        await stage.change(path, {"metadata": {"finalizers": None}})

        async def is_gone():
            return not await stage.jobs() or None

        await eventually(is_gone)

    theatre.play(scene)


def test_a_refresh_drops_ghosts_and_finds_what_no_event_told(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        uid = run["metadata"]["uid"]
        ghost = await stage.cluster.create_job(manifest_of(run))
        await stage.remove(paths.job(stage.namespace, ghost["metadata"]["name"]))
        unknown = await stage.admin.send(
            "create", paths.jobs(stage.namespace), body=manifest_of(run, attempt=2)
        )
        pod = await stage.pod_of(unknown)

        async def only_the_unknown():
            """The ghost's Pod goes too, a moment after its Job."""
            jobs, pods = await stage.cluster.jobs(uid), await stage.cluster.pods(uid)
            return uids(jobs) == uids([unknown]) and uids(pods) == uids([pod])

        await stage.refreshed(run, only_the_unknown)

    theatre.play(scene)


def test_how_a_finished_job_ended_is_asked_for_when_no_event_told_yet(theatre: Theatre):
    """The Job's event came first; planning on the Pod's old state would call the attempt lost."""

    async def scene(stage: Stage):
        run = await stage.make_run()
        uid = run["metadata"]["uid"]
        job = await stage.cluster.create_job(manifest_of(run))
        pod = await stage.pod_of(job)
        await stage.set_pod_status(pod, running())
        stage.cache.put("Pod", (await stage.pods())[0])
        await stage.set_pod_status(pod, ended(0, a_result("s3://bucket/somewhere")))
        stage.cache.put("Job", await stage.finished(job))
        seen = observe(await stage.cluster.jobs(uid), await stage.cluster.pods(uid))
        ((_, attempt),) = seen.attempts.items()
        assert isinstance(attempt.pods[0].outcome, Succeeded)

    theatre.play(scene)


def test_a_finished_job_whose_pod_is_gone_is_asked_about_once(theatre: Theatre):
    async def scene(stage: Stage):
        run = await stage.make_run()
        uid = run["metadata"]["uid"]
        job = await stage.cluster.create_job(manifest_of(run))
        pod = await stage.pod_of(job)
        await stage.set_pod_status(pod, ended(0, ""))
        stage.cache.put("Job", await stage.finished(job))
        await stage.remove(f"{paths.pods(stage.namespace)}/{pod['metadata']['name']}")
        stage.requests.clear()
        for _ in range(3):
            assert await stage.cluster.pods(uid) == []
        assert stage.requests == [("list", 200)]

    theatre.play(scene)
