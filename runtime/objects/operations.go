package objects

import "strings"

// Lists that several operations share.
const (
	listParams   = "delimiter encoding-type max-keys prefix"
	readParams   = "partNumber versionId response-cache-control response-content-disposition response-content-encoding response-content-language response-content-type response-expires"
	writeHeaders = "x-amz-acl x-amz-storage-class x-amz-meta-*"
	copyIf       = "x-amz-copy-source-if-match x-amz-copy-source-if-none-match x-amz-copy-source-if-modified-since x-amz-copy-source-if-unmodified-since"

	onePart    = "every object reads as one part"
	noneSet    = "always answers that there is none"
	noneToDrop = "there is none, so it answers 204"
	privateACL = "the owner alone, `private`"
	noCrypto   = "no encryption, object lock, website redirect, grants; storage class STANDARD; ACL private"
)

// served are the operations that a request may ask for.
var served = []operation{
	{name: "ListBuckets", method: "GET", on: onService, params: "continuation-token max-buckets prefix", serve: byFront, limit: "a key sees the buckets it has a grant for"},

	{name: "CreateBucket", method: "PUT", on: onBucket, headers: "x-amz-acl", serve: byFront, limit: "needs the admin's key; the location in the body means nothing here"},
	{name: "DeleteBucket", method: "DELETE", on: onBucket, serve: byFront, limit: "needs the admin's key"},
	{name: "HeadBucket", method: "HEAD", on: onBucket, serve: byFront},
	{name: "GetBucketLocation", method: "GET", on: onBucket, query: "location", serve: byFront, limit: "there is one location, the default"},
	{name: "GetBucketVersioning", method: "GET", on: onBucket, query: "versioning", serve: byFront, limit: "never enabled"},
	{name: "ListObjects", method: "GET", on: onBucket, params: listParams + " marker", serve: byFront},
	{name: "ListObjectsV2", method: "GET", on: onBucket, query: "list-type", params: listParams + " continuation-token fetch-owner start-after", serve: byFront},
	{name: "ListObjectVersions", method: "GET", on: onBucket, query: "versions", params: listParams + " key-marker version-id-marker", serve: byFront, limit: "each object has one version, `null`"},
	{name: "ListMultipartUploads", method: "GET", on: onBucket, query: "uploads", params: "delimiter encoding-type key-marker max-uploads prefix upload-id-marker", serve: byUploads, limit: "no delimiter"},
	{name: "DeleteObjects", method: "POST", on: onBucket, query: "delete", serve: byDeleteObjects},
	{name: "GetBucketAcl", method: "GET", on: onBucket, query: "acl", serve: byFront, limit: privateACL},
	{name: "PutBucketAcl", method: "PUT", on: onBucket, query: "acl", headers: "x-amz-acl", serve: byFront, limit: privateACL},
	{name: "GetBucketCors", method: "GET", on: onBucket, query: "cors", serve: byFront, limit: noneSet},
	{name: "GetBucketEncryption", method: "GET", on: onBucket, query: "encryption", serve: byFront, limit: noneSet},
	{name: "GetBucketLifecycleConfiguration", method: "GET", on: onBucket, query: "lifecycle", serve: byFront, limit: noneSet},
	{name: "GetBucketOwnershipControls", method: "GET", on: onBucket, query: "ownershipControls", serve: byFront, limit: noneSet},
	{name: "GetBucketPolicy", method: "GET", on: onBucket, query: "policy", serve: byFront, limit: noneSet},
	{name: "GetBucketReplication", method: "GET", on: onBucket, query: "replication", serve: byFront, limit: noneSet},
	{name: "GetBucketTagging", method: "GET", on: onBucket, query: "tagging", serve: byFront, limit: noneSet},
	{name: "GetBucketWebsite", method: "GET", on: onBucket, query: "website", serve: byFront, limit: noneSet},
	{name: "GetObjectLockConfiguration", method: "GET", on: onBucket, query: "object-lock", serve: byFront, limit: noneSet},
	{name: "GetPublicAccessBlock", method: "GET", on: onBucket, query: "publicAccessBlock", serve: byFront, limit: noneSet},
	{name: "DeleteBucketCors", method: "DELETE", on: onBucket, query: "cors", serve: byFront, limit: noneToDrop},
	{name: "DeleteBucketEncryption", method: "DELETE", on: onBucket, query: "encryption", serve: byFront, limit: noneToDrop},
	{name: "DeleteBucketLifecycle", method: "DELETE", on: onBucket, query: "lifecycle", serve: byFront, limit: noneToDrop},
	{name: "DeleteBucketOwnershipControls", method: "DELETE", on: onBucket, query: "ownershipControls", serve: byFront, limit: noneToDrop},
	{name: "DeleteBucketPolicy", method: "DELETE", on: onBucket, query: "policy", serve: byFront, limit: noneToDrop},
	{name: "DeleteBucketReplication", method: "DELETE", on: onBucket, query: "replication", serve: byFront, limit: noneToDrop},
	{name: "DeleteBucketTagging", method: "DELETE", on: onBucket, query: "tagging", serve: byFront, limit: noneToDrop},
	{name: "DeleteBucketWebsite", method: "DELETE", on: onBucket, query: "website", serve: byFront, limit: noneToDrop},
	{name: "DeletePublicAccessBlock", method: "DELETE", on: onBucket, query: "publicAccessBlock", serve: byFront, limit: noneToDrop},

	{name: "GetObject", method: "GET", on: onObject, params: readParams, serve: byFront, limit: onePart},
	{name: "HeadObject", method: "HEAD", on: onObject, params: readParams, serve: byFront, limit: onePart},
	{name: "PutObject", method: "PUT", on: onObject, headers: writeHeaders + " x-amz-tagging", serve: byFront, limit: noCrypto},
	{name: "CopyObject", method: "PUT", on: onObject, header: "x-amz-copy-source", headers: writeHeaders + " " + copyIf + " x-amz-metadata-directive x-amz-tagging x-amz-tagging-directive", serve: byFront, limit: noCrypto},
	{name: "DeleteObject", method: "DELETE", on: onObject, params: "versionId", headers: "x-amz-if-match-last-modified-time x-amz-if-match-size", serve: byFront},
	{name: "GetObjectAttributes", method: "GET", on: onObject, query: "attributes", params: "versionId", headers: "x-amz-object-attributes x-amz-max-parts x-amz-part-number-marker", serve: byFront, limit: onePart},
	{name: "GetObjectAcl", method: "GET", on: onObject, query: "acl", params: "versionId", serve: byFront, limit: privateACL},
	{name: "PutObjectAcl", method: "PUT", on: onObject, query: "acl", params: "versionId", headers: "x-amz-acl", serve: byFront, limit: privateACL},
	{name: "GetObjectTagging", method: "GET", on: onObject, query: "tagging", params: "versionId", serve: byFront, limit: "the tags that PutObject or CopyObject gave"},

	{name: "CreateMultipartUpload", method: "POST", on: onObject, query: "uploads", headers: writeHeaders, serve: byUploads, limit: "as PutObject; no tags"},
	{name: "UploadPart", method: "PUT", on: onObject, query: "uploadId", params: "partNumber", serve: byUploads},
	{name: "UploadPartCopy", method: "PUT", on: onObject, query: "uploadId", header: "x-amz-copy-source", params: "partNumber", headers: "x-amz-copy-source-range x-amz-copy-source-if-match", serve: byUploads, limit: "of the conditions on the source, x-amz-copy-source-if-match alone"},
	{name: "ListParts", method: "GET", on: onObject, query: "uploadId", params: "max-parts part-number-marker", serve: byUploads},
	{name: "CompleteMultipartUpload", method: "POST", on: onObject, query: "uploadId", headers: "x-amz-mp-object-size", serve: byUploads, limit: "the ETag is the MD5 of the whole object"},
	{name: "AbortMultipartUpload", method: "DELETE", on: onObject, query: "uploadId", serve: byUploads},
}

// unserved are the others, as name, method, level and what selects them: a
// parameter, several with + between them, or header:NAME.
const unserved = `
	CreateBucketMetadataConfiguration POST bucket metadataConfiguration
	CreateBucketMetadataTableConfiguration POST bucket metadataTable
	CreateSession GET bucket session
	DeleteBucketAnalyticsConfiguration DELETE bucket analytics
	DeleteBucketIntelligentTieringConfiguration DELETE bucket intelligent-tiering
	DeleteBucketInventoryConfiguration DELETE bucket inventory
	DeleteBucketMetadataConfiguration DELETE bucket metadataConfiguration
	DeleteBucketMetadataTableConfiguration DELETE bucket metadataTable
	DeleteBucketMetricsConfiguration DELETE bucket metrics
	DeleteObjectTagging DELETE object tagging
	GetBucketAbac GET bucket abac
	GetBucketAccelerateConfiguration GET bucket accelerate
	GetBucketAnalyticsConfiguration GET bucket analytics+id
	GetBucketIntelligentTieringConfiguration GET bucket intelligent-tiering+id
	GetBucketInventoryConfiguration GET bucket inventory+id
	GetBucketLogging GET bucket logging
	GetBucketMetadataConfiguration GET bucket metadataConfiguration
	GetBucketMetadataTableConfiguration GET bucket metadataTable
	GetBucketMetricsConfiguration GET bucket metrics+id
	GetBucketNotificationConfiguration GET bucket notification
	GetBucketPolicyStatus GET bucket policyStatus
	GetBucketRequestPayment GET bucket requestPayment
	GetObjectLegalHold GET object legal-hold
	GetObjectRetention GET object retention
	GetObjectTorrent GET object torrent
	ListBucketAnalyticsConfigurations GET bucket analytics
	ListBucketIntelligentTieringConfigurations GET bucket intelligent-tiering
	ListBucketInventoryConfigurations GET bucket inventory
	ListBucketMetricsConfigurations GET bucket metrics
	ListDirectoryBuckets GET service max-directory-buckets
	PostObject POST bucket -
	PutBucketAbac PUT bucket abac
	PutBucketAccelerateConfiguration PUT bucket accelerate
	PutBucketAnalyticsConfiguration PUT bucket analytics
	PutBucketCors PUT bucket cors
	PutBucketEncryption PUT bucket encryption
	PutBucketIntelligentTieringConfiguration PUT bucket intelligent-tiering
	PutBucketInventoryConfiguration PUT bucket inventory
	PutBucketLifecycleConfiguration PUT bucket lifecycle
	PutBucketLogging PUT bucket logging
	PutBucketMetricsConfiguration PUT bucket metrics
	PutBucketNotificationConfiguration PUT bucket notification
	PutBucketOwnershipControls PUT bucket ownershipControls
	PutBucketPolicy PUT bucket policy
	PutBucketReplication PUT bucket replication
	PutBucketRequestPayment PUT bucket requestPayment
	PutBucketTagging PUT bucket tagging
	PutBucketVersioning PUT bucket versioning
	PutBucketWebsite PUT bucket website
	PutObjectLegalHold PUT object legal-hold
	PutObjectLockConfiguration PUT bucket object-lock
	PutObjectRetention PUT object retention
	PutObjectTagging PUT object tagging
	PutPublicAccessBlock PUT bucket publicAccessBlock
	RenameObject PUT object renameObject
	RestoreObject POST object restore
	SelectObjectContent POST object select
	UpdateBucketMetadataInventoryTableConfiguration PUT bucket metadataInventoryTable
	UpdateBucketMetadataJournalTableConfiguration PUT bucket metadataJournalTable
	UpdateObjectEncryption PUT object encryption
	WriteGetObjectResponse POST bucket header:x-amz-request-route
`

// operations are all of them, by which docs/s3.md is made.
var operations = func() []operation {
	list := served
	for line := range strings.Lines(strings.TrimSpace(unserved)) {
		f := strings.Fields(line)
		o := operation{name: f[0], method: f[1], on: level(f[2])}
		if header, ok := strings.CutPrefix(f[3], "header:"); ok {
			o.header = header
		} else if f[3] != "-" {
			o.query = strings.ReplaceAll(f[3], "+", " ")
		}
		list = append(list, o)
	}
	return list
}()
