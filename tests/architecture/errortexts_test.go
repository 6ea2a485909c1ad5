package architecture

// statuses are the HTTP statuses of the kinds of kit/fault.
var statuses = map[string]string{
	"Internal": "500", "Invalid": "400", "Unauthorized": "401", "Forbidden": "403", "NotFound": "404", "Conflict": "409", "TooLarge": "413",
	"Unsupported": "415", "Unprocessable": "422", "TooMany": "429", "BadGateway": "502", "Unavailable": "503", "Timeout": "504",
	"NotAllowed": "405", "NotSupported": "501", "HeadTooLarge": "431",
}

// computed are codes that are chosen in a variable, with what the code there
// says. The test makes sure that each of these files still has its codes.
var computed = map[string][]coded{
	"runtime/image/errors.go": {
		{"registry_unreachable", "502", "image …: the registry does not answer: …", ""},
		{"registry_refused", "502", "image …: the registry refused it: …", ""},
		{"image_needs_docker", "422", "image …: it is more than one static program with the files of its working directory; run the store with `--backend docker`", ""},
		{"image_missing", "422", "image …: it is not on this machine and its registry does not have it; build it or push it again", ""},
		{"image_unfit", "422", "image …: the image is not valid: …", ""},
	},
	"runtime/migrate/function.go": {
		{"bad_migration", "422", "the function's migrations cannot be applied: … (SQLSTATE …)", ""},
		{"bad_grants", "422", "the function's grants.sql cannot be applied: … (SQLSTATE …)", ""},
	},
}

// general says in words what a code means whose sentence the code makes up
// wholly of what went wrong.
var general = map[string]string{
	"bad_annotation": "an annotation cannot be read; the sentence quotes it: …", "bad_event": "the body is not an S3 event, or one of its records is not valid: …",
	"bad_cloudevent": "the request is not a valid CloudEvent: …", "bad_user_event": "the body is no event about a user: …",
	"bad_notification_body": "the body is no notification that can be published: …", "bad_subscription": "the subscription cannot be made: …",
	"bad_message": "the message cannot be put into the queue: …", "bad_notification": "the body is not a notification of an object store: …",
	"dedup_key_reused":         "the deduplication key was used for a message with another body; use a new key: …",
	"lease_lost":               "another process took the work over",
	"image_too_large":          "the image has more pixels, or needs more memory, than is decoded here: …",
	"image_unfit":              "the image's name or content is not valid: …",
	"send_not_allowed":         "the annotation `fnstore.sends` does not name the target; add it: …",
	"unsupported_image":        "the body is not an image of a type that is read here: …",
	"bad_batch_answer":         "the answer to a batch is not a list of batchItemFailures, so all messages are tried again: …",
	"bad_request":              "the message cannot be made into a request, so it is not tried again: …",
	"body_unavailable":         "the message's body cannot be read from where it is kept; it is tried again: …",
	"callback_address_refused": "the host of the callback leads to an address that is not called: …",
	"timeout":                  "the call did not end within `fnstore.visibility`; the message is tried again: …",
	"bad_header":               "the header of a CSV file has a name that cannot be one, or a quote in the wrong place: …",
	"invalid_encoding":         "the file is not UTF-8: …",
	"truncated":                "the file ends in the middle of something: …",
	"unsupported_format":       "the file is neither CSV nor JSON, or is compressed in a way that is not read: …",
	"unreachable":              "the gateway did not answer; the message is tried again: …",
}

// ofKinds are the answers to errors that have no code of their own.
var ofKinds = coded{"internal", "500", "internal error; the log has the cause, under the call id", "any"}

// handedOn are files that pass on a code which another place made.
var handedOn = []string{"functions/thumbnail/api.go"}
