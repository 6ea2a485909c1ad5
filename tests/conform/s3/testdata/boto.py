"""What boto3 sees. Prints a line for each call: its name and the S3 code of the answer, or ok.

Arguments: the endpoint, the addressing style, a bucket.
"""
import base64
import hashlib
import io
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

endpoint, style, bucket = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                  config=Config(signature_version="s3v4", s3={"addressing_style": style}, retries={"total_max_attempts": 1}))


def say(name, call):
    try:
        answer = call()
    except ClientError as e:
        answer = e.response["Error"]["Code"]
    print(name, answer if isinstance(answer, str) else "ok")


def put(key, body=b"value", **more):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def holds(key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def header(name, value):
    """A header that this boto3 may not know."""
    def add(request, **_):
        request.headers[name] = value
    return add


def with_header(name, value, call):
    s3.meta.events.register_first("before-sign.s3", add := header(name, value))
    try:
        return call()
    finally:
        s3.meta.events.unregister("before-sign.s3", add)


say("make", lambda: s3.create_bucket(Bucket=bucket))
say("put", lambda: put("k"))
say("append", lambda: with_header("x-amz-write-offset-bytes", "5", lambda: put("k", b"more")))
say("empty-copy-source", lambda: with_header("x-amz-copy-source", "", lambda: put("k", b"")))
say("head-null", lambda: s3.head_object(Bucket=bucket, Key="k", VersionId="null"))
say("head-version", lambda: s3.head_object(Bucket=bucket, Key="k", VersionId="other"))
say("get-version", lambda: s3.get_object(Bucket=bucket, Key="k", VersionId="other"))
say("copy-version", lambda: s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k", "VersionId": "other"}))
say("copy-null", lambda: s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k", "VersionId": "null"}))
say("delete-version", lambda: s3.delete_object(Bucket=bucket, Key="k", VersionId="other"))
say("delete-versions", lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": "other"}]})["Errors"][0]["Code"])
say("delete-null", lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy", "VersionId": "null"}]})["Deleted"][0]["Key"])
say("kms", lambda: s3.create_multipart_upload(Bucket=bucket, Key="up", ServerSideEncryption="aws:kms"))
say("lock", lambda: s3.create_multipart_upload(Bucket=bucket, Key="up", ObjectLockLegalHoldStatus="ON"))
say("customer-key", lambda: s3.create_multipart_upload(Bucket=bucket, Key="up", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32))
up = s3.create_multipart_upload(Bucket=bucket, Key="up")["UploadId"]
wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
say("part-md5", lambda: s3.upload_part(Bucket=bucket, Key="up", UploadId=up, PartNumber=1, Body=b"body", ContentMD5=wrong))
say("part-customer-key", lambda: s3.upload_part(Bucket=bucket, Key="up", UploadId=up, PartNumber=1, Body=b"body", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32))
say("abort", lambda: s3.abort_multipart_upload(Bucket=bucket, Key="up", UploadId=up))
say("policy", lambda: s3.put_bucket_policy(Bucket=bucket, Policy="{}"))
say("no-policy", lambda: s3.get_bucket_policy(Bucket=bucket))
say("lifecycle", lambda: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [{"ID": "a", "Prefix": "", "Status": "Enabled", "Expiration": {"Days": 1}}]}))
say("analytics", lambda: s3.delete_bucket_analytics_configuration(Bucket=bucket, Id="a"))
say("retention", lambda: s3.put_object_retention(Bucket=bucket, Key="k", Retention={"Mode": "GOVERNANCE"}))
say("restore", lambda: s3.restore_object(Bucket=bucket, Key="k"))
say("parts", lambda: s3.upload_fileobj(io.BytesIO(b"x" * (11 << 20)), bucket, "large", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)))
say("large", lambda: str(len(holds("large"))))
url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
say("presigned", lambda: urllib.request.urlopen(url).read().decode())
say("list", lambda: ",".join(o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]))
say("holds", lambda: holds("k"))
say("drop-large", lambda: s3.delete_object(Bucket=bucket, Key="large"))
say("drop-k", lambda: s3.delete_object(Bucket=bucket, Key="k", VersionId="null"))
say("drop", lambda: s3.delete_bucket(Bucket=bucket))
