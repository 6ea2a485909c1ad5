package delivery

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fnstore/kit/queue/lease"
)

// sqsEvent is what AWS Lambda gives a function for messages of SQS (AWS Lambda
// developer guide, "Using Lambda with Amazon SQS"), so that such a function
// needs no change.
type sqsEvent struct {
	Records []sqsRecord `json:"Records"`
}

type sqsRecord struct {
	MessageID         string                  `json:"messageId"`     // the call id
	ReceiptHandle     string                  `json:"receiptHandle"` // the lease: nothing takes it, but it tells deliveries apart
	Body              string                  `json:"body"`          // base64 where it is no UTF-8: see the attribute fnstore.encoding
	Attributes        map[string]string       `json:"attributes"`
	MessageAttributes map[string]sqsAttribute `json:"messageAttributes"`
	MD5OfBody         string                  `json:"md5OfBody"`
	EventSource       string                  `json:"eventSource"`
	EventSourceARN    string                  `json:"eventSourceARN"`
	AWSRegion         string                  `json:"awsRegion"`
}

type sqsAttribute struct {
	StringValue      string   `json:"stringValue"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues []string `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

// Attributes that stand beside the message's headers.
const (
	attributeMethod   = "fnstore.method"
	attributePath     = "fnstore.path"
	attributeEncoding = "fnstore.encoding" // base64, when the body is no text
)

func record(m lease.Message, body []byte) sqsRecord {
	r := sqsRecord{
		MessageID:     m.CallID,
		ReceiptHandle: fmt.Sprintf("%d.%d", m.ID, m.Fence),
		Body:          string(body),
		Attributes: map[string]string{
			"ApproximateReceiveCount":          strconv.Itoa(m.Deliveries),
			"SentTimestamp":                    millis(m.CreatedAt),
			"ApproximateFirstReceiveTimestamp": millis(m.FirstAt),
			"SenderId":                         "fnstore",
		},
		MessageAttributes: map[string]sqsAttribute{attributeMethod: text(m.Method), attributePath: text(m.Path)},
		EventSource:       "aws:sqs",
		EventSourceARN:    "arn:aws:sqs:local:000000000000:" + m.Function,
		AWSRegion:         "local",
	}
	if m.Group != "" {
		r.Attributes["MessageGroupId"] = m.Group
		r.Attributes["SequenceNumber"] = fmt.Sprintf("%020d", m.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		r.MessageAttributes[name] = text(strings.Join(m.Headers[name], ", "))
	}
	for name, value := range attributes(m.Headers[headerAttributes]) {
		if _, taken := r.MessageAttributes[name]; !taken {
			r.MessageAttributes[name] = value
		}
	}
	if !utf8.Valid(body) {
		r.Body = base64.StdEncoding.EncodeToString(body)
		r.MessageAttributes[attributeEncoding] = text("base64")
	}
	sum := md5.Sum([]byte(r.Body))
	r.MD5OfBody = hex.EncodeToString(sum[:])
	return r
}

// headerAttributes has a JSON object of attributes: those that filters of topics
// look at, and that a sender gives a message.
const headerAttributes = "X-Fnstore-Attributes"

// attributes are a message's own, with their types: strings and numbers. Others
// have no type in SQS and are left out.
func attributes(header []string) map[string]sqsAttribute {
	if len(header) != 1 {
		return nil
	}
	var given map[string]any
	d := json.NewDecoder(strings.NewReader(header[0]))
	d.UseNumber()
	if d.Decode(&given) != nil {
		return nil
	}
	list := make(map[string]sqsAttribute, len(given))
	for name, value := range given {
		switch v := value.(type) {
		case string:
			list[name] = text(v)
		case json.Number:
			a := text(v.String())
			a.DataType = "Number"
			list[name] = a
		}
	}
	return list
}

func text(s string) sqsAttribute {
	return sqsAttribute{StringValue: s, StringListValues: []string{}, BinaryListValues: []string{}, DataType: "String"}
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
