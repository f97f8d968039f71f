"""Multipart uploads that were begun and never completed."""

from testbed.object_store import ObjectStore

from collectiverun_trainer.artifacts.storage import join


def begun_uploads(server: ObjectStore, uri: str, *names: str) -> None:
    """Uploads of one part each that nobody goes on with."""
    for name in names:
        bucket, key = join(uri, name).removeprefix("s3://").split("/", 1)
        calls, where = server.file_system.call_s3, {"Bucket": bucket, "Key": key}
        where["UploadId"] = calls("create_multipart_upload", **where)["UploadId"]
        calls("upload_part", PartNumber=1, Body=b"part", **where)


def uploads_left(server: ObjectStore, uri: str) -> list[str]:
    bucket, prefix = f"{uri}/".removeprefix("s3://").split("/", 1)
    found = server.file_system.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix)
    return sorted(upload["Key"].removeprefix(prefix) for upload in found.get("Uploads", []))
