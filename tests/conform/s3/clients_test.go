package s3

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fnstore/runtime/objects"
)

// program finds a client that Debian packages, there or in PATH.
func program(t *testing.T, name, pkg string, check ...string) string {
	t.Helper()
	for _, at := range []string{"/usr/bin/" + name, name} {
		if path, err := exec.LookPath(at); err == nil && exec.Command(path, check...).Run() == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no %s: apt-get install %s", name, pkg)
	}
	t.Skipf("no %s: apt-get install %s", name, pkg)
	return ""
}

// awsEnv is the environment of a client of the AWS family with a style of
// addresses. The store serves as its HTTP proxy, so that nobody has to
// resolve BUCKET.localhost: the request still says which host it means.
func awsEnv(t *testing.T, target Target, style string) (endpoint string, env []string) {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, "config")
	if err := os.WriteFile(config, []byte("[default]\nregion = us-east-1\ns3 =\n  addressing_style = "+style+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(strings.ToUpper(kv), "="); !strings.HasPrefix(name, "AWS_") && !strings.HasSuffix(name, "_PROXY") {
			env = append(env, kv)
		}
	}
	_, port, _ := strings.Cut(target.Endpoint, ":")
	return "http://localhost:" + port, append(env, "HOME="+home, "AWS_CONFIG_FILE="+config, "AWS_ACCESS_KEY_ID="+target.ID, "AWS_SECRET_ACCESS_KEY="+target.Secret,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "http_proxy=http://"+target.Endpoint)
}

// TestEmbeddedStore_AwsCli is aws-cli in virtual-host style. A store that reads
// every path as /BUCKET/KEY makes buckets of keys, lets `sync --delete` delete
// every local file, and deletes a bucket for the `rm` of a key.
func TestEmbeddedStore_AwsCli(t *testing.T) {
	aws := program(t, "aws", "awscli", "--version")
	store, target := embedded(t)
	endpoint, env := awsEnv(t, target, "virtual")
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), aws, append([]string{"--endpoint-url", endpoint}, args...)...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) {
		t.Helper()
		if out, err := run(args...); err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	refused := func(code string, args ...string) {
		t.Helper()
		if out, err := run(args...); err == nil || !strings.Contains(out, code) {
			t.Errorf("aws %s: %v, want %s\n%s", strings.Join(args, " "), err, code, out)
		}
	}
	bucket, other := "cli", "empty"
	must("s3", "mb", "s3://"+bucket)
	must("s3", "mb", "s3://"+other)
	dir := t.TempDir()
	for _, name := range []string{"h3js", "two words é+.txt", other, "large"} {
		body := []byte(name)
		if name == "large" {
			body = make([]byte, 17<<20) // in parts
		}
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must("s3", "sync", "--quiet", dir, "s3://"+bucket)
	must("s3", "sync", "--quiet", "--delete", "s3://"+bucket, dir)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 4 {
		t.Errorf("after sync --delete %d files are left, %v", len(left), err)
	}
	must("s3", "rm", "s3://"+bucket+"/"+other)
	must("s3", "cp", "--quiet", "s3://"+bucket+"/h3js", "s3://"+bucket+"/copied")

	refused("404", "s3api", "head-object", "--bucket", bucket, "--key", "h3js", "--version-id", "other")
	refused("NoSuchVersion", "s3api", "copy-object", "--bucket", bucket, "--key", "copy", "--copy-source", bucket+"/h3js?versionId=other")
	if out, err := run("s3api", "delete-objects", "--bucket", bucket, "--delete", `{"Objects":[{"Key":"h3js","VersionId":"other"}]}`); err != nil || !strings.Contains(out, "NoSuchVersion") {
		t.Errorf("delete of another version: %v\n%s", err, out)
	}
	refused("NotImplemented", "s3", "cp", "--sse", "aws:kms", filepath.Join(dir, "large"), "s3://"+bucket+"/kms")
	refused("NotImplemented", "s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
	refused("NotImplemented", "s3", "cp", "--acl", "public-read", filepath.Join(dir, "h3js"), "s3://"+bucket+"/public")
	keys := stored(t, store, bucket)
	if want := []string{"copied", "h3js", "large", "two words é+.txt"}; !slices.Equal(keys, want) {
		t.Errorf("the bucket has %q, want %q", keys, want)
	}
	must("s3", "rb", "s3://"+other)
	must("s3", "rm", "--quiet", "--recursive", "s3://"+bucket)
	must("s3", "rb", "s3://"+bucket)
}

// stored lists a bucket in the index itself.
func stored(t *testing.T, store *objects.Store, bucket string) (keys []string) {
	t.Helper()
	rows, err := store.Pool.Query(t.Context(), `SELECT key FROM objects.object WHERE bucket = $1 ORDER BY key`, bucket)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key []byte
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(key))
	}
	return keys
}

// TestEmbeddedStore_Boto3 is what boto3 sees, in both styles.
func TestEmbeddedStore_Boto3(t *testing.T) {
	python := program(t, "python3", "python3-boto3", "-c", "import boto3")
	_, target := embedded(t)
	want := `make ok
put ok
append NotImplemented
empty-copy-source InvalidArgument
head-null ok
head-version 404
get-version NoSuchVersion
copy-version NoSuchVersion
copy-null ok
delete-version NoSuchVersion
delete-versions NoSuchVersion
delete-null copy
kms NotImplemented
lock NotImplemented
customer-key NotImplemented
part-md5 BadDigest
part-customer-key NotImplemented
abort ok
policy NotImplemented
no-policy NoSuchBucketPolicy
lifecycle NotImplemented
analytics NotImplemented
retention NotImplemented
restore NotImplemented
parts ok
large 11534336
presigned value
list k,large
holds value
drop-large ok
drop-k ok
drop ok
`
	for _, style := range []string{"virtual", "path"} {
		endpoint, env := awsEnv(t, target, style)
		cmd := exec.CommandContext(t.Context(), python, "testdata/boto.py", endpoint, style, "boto-"+style)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s style: %v\n%s", style, err, out)
		}
	}
}
