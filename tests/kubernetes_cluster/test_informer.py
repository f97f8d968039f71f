"""An informer on a real API server: what is there, what happens, and what happened while it was away."""

from __future__ import annotations

import asyncio

import pytest
from kubernetes_cluster.unscheduled_runs import create_run, manifest_of
from support.run_bodies import tasks
from testbed.waiting import eventually

from collectiverun_operator.cluster.kubernetes.informer import Informer

OLDEST = "1"  # a version that no server remembers


@pytest.fixture
def follow(namespace, cluster):
    """Follows the Jobs of the namespace; `news` of it are the names that were passed on."""
    running = []

    def begin(version=""):
        news = []

        def on_change(body, is_gone):
            news.append(("-" if is_gone else "") + body["metadata"]["name"])

        async def run():
            informer = cluster.awaitable.informer("Job", namespace.name, on_change, lambda: None)
            assert isinstance(informer, Informer)
            informer._version = version
            task = asyncio.create_task(informer.follow())
            running.append(task)

        cluster.result_of(run())
        return news

    yield begin

    async def stop():
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    cluster.result_of(stop())


def job_of(namespace, name):
    return namespace.create_object("jobs", manifest_of(create_run(namespace, name)))["metadata"]["name"]


def test_what_is_there_and_what_happens_is_passed_on(namespace, follow):
    there = job_of(namespace, "there")
    news = follow()
    eventually(lambda: there in news)
    made = job_of(namespace, "made")
    eventually(lambda: made in news)
    namespace.delete("jobs", there)
    eventually(lambda: f"-{there}" in news)


def test_a_version_that_is_forgotten_leads_to_a_list(namespace, follow, cluster):
    run = create_run(namespace)
    job = cluster.create_job(manifest_of(run))["metadata"]["name"]
    namespace.delete("jobs", job)
    assert cluster.jobs(run["metadata"]["uid"])
    news = follow(OLDEST)
    eventually(lambda: f"-{job}" in news)
    assert cluster.jobs(run["metadata"]["uid"]) == []


def test_a_phases_finished_jobs_go_in_one_request(namespace, cluster):
    two = tasks("reach", "push")
    run, other = create_run(namespace, "one", tasks=two), create_run(namespace, "two")
    manifests = [manifest_of(run), manifest_of(run, index=1)]
    jobs = [cluster.create_job(manifest)["metadata"] for manifest in manifests]
    left = cluster.create_job(manifest_of(other))["metadata"]["name"]

    async def delete_both():
        for job in jobs:
            await cluster.awaitable.delete_job(namespace.name, job["name"], job["uid"], is_finished=True)

    cluster.result_of(delete_both())
    eventually(lambda: [job["metadata"]["name"] for job in namespace.list("jobs")] == [left])
    eventually(lambda: cluster.jobs(run["metadata"]["uid"]) == [])
    assert [verb for verb, _ in cluster.requests if verb.startswith("delete")] == ["deletecollection"]
