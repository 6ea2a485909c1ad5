package ui

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

// maxPhotoBytes is the largest photo that can be put in from the page, in bytes: the
// largest that thumbnails are made of.
const maxPhotoBytes = 32 << 20

// maxName is the longest key of an object, in bytes (Amazon S3, "Naming objects").
const maxName = 1024

// stall is how long an upload may send nothing.
const stall = 30 * time.Second

// checkName accepts a file's name as the key of an object, just as it is: any
// letters, spaces and signs. It refuses what could not be read aloud.
func checkName(name string) error {
	switch {
	case name == "":
		return fault.New(fault.Invalid, "no_name", "the photo has no name")
	case len(name) > maxName:
		return fault.New(fault.Invalid, "name_too_long", "the name has %d bytes; the limit is %d", len(name), maxName)
	case !utf8.ValidString(name):
		return fault.New(fault.Invalid, "bad_name", "the name is not UTF-8")
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			return fault.New(fault.Invalid, "bad_name", "the name has a control character")
		}
	}
	return nil
}

// upload streams a photo into the bucket. The call id goes with it, and the
// message of the object's event takes it over: that is how progress finds it.
func (p *pages) upload(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("name")
	if err := checkName(name); err != nil {
		return err
	}
	switch {
	case r.ContentLength < 0:
		return fault.New(fault.Invalid, "length_required", "the request has no Content-Length; send the photo with its length")
	case r.ContentLength == 0:
		return fault.New(fault.Invalid, "photo_empty", "the photo is empty")
	case r.ContentLength > maxPhotoBytes:
		return fault.New(fault.TooLarge, "photo_too_large", "the photo has %d bytes; the limit is %d", r.ContentLength, maxPhotoBytes)
	}
	id := callID(r)
	body := &patient{from: r.Body, conn: http.NewResponseController(w)}
	defer body.rest()
	err := p.sender.put(r.Context(), p.Uploads, name, mediaType(r.Header.Get("Content-Type")), id, body, r.ContentLength)
	if body.err != nil {
		return fault.New(fault.Invalid, "body_unreadable", "the photo ended early; send it again").Because(body.err)
	}
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusCreated, map[string]string{"key": name, "call_id": id})
}

// patient reads a body that may be slow but must not stand still.
type patient struct {
	from io.Reader
	conn *http.ResponseController
	err  error // what the browser's side did wrong
}

func (b *patient) Read(p []byte) (int, error) {
	_ = b.conn.SetReadDeadline(time.Now().Add(stall)) // a test's recorder has none
	n, err := b.from.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// rest takes the deadline away, or it would end the answer.
func (b *patient) rest() { _ = b.conn.SetReadDeadline(time.Time{}) }

// photo is what has become of one.
type photo struct {
	State      queue.State `json:"state"`
	Attempts   int         `json:"attempts"`
	Code       string      `json:"code,omitempty"`
	Reason     string      `json:"reason,omitempty"`
	Thumbnails []thumbnail `json:"thumbnails"`
}

type thumbnail struct {
	Width int    `json:"width"` // asked for; nothing is enlarged
	URL   string `json:"url"`
}

// widths are those of the thumbnails, in pixels.
var widths = []int{100, 200, 400}

func thumbnailKey(width int, key string) string {
	return "thumbnails/" + strconv.Itoa(width) + "x/" + key
}

// progress tells where the work on a photo stands, and what came of it. The
// photo is known here: the reason need not begin with its name.
func (p *pages) progress(w http.ResponseWriter, r *http.Request) error {
	id, key := r.PathValue("call"), r.URL.Query().Get("key")
	if !goodID.MatchString(id) {
		return fault.New(fault.Invalid, "bad_call_id", "that is not a call id")
	}
	if err := checkName(key); err != nil {
		return err
	}
	at, err := p.Progress(r.Context(), id)
	if err != nil {
		return err
	}
	now := photo{State: at.State, Attempts: at.Attempts, Code: at.Code, Reason: strings.TrimPrefix(at.Reason, p.Uploads+"/"+key+": "), Thumbnails: []thumbnail{}}
	if at.State == queue.Succeeded {
		if now.Thumbnails, err = p.made(r, key); err != nil {
			return err
		}
	}
	return wire.JSON(w, http.StatusOK, now)
}

// made lists the thumbnails that are there. The tag in the URL makes another
// picture of the same name another address.
func (p *pages) made(r *http.Request, key string) ([]thumbnail, error) {
	list := []thumbnail{}
	for _, width := range widths {
		info, err := p.shelf.Stat(r.Context(), p.Thumbnails, thumbnailKey(width, key))
		if missing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		q := url.Values{"width": {strconv.Itoa(width)}, "key": {key}, "v": {info.ETag}}
		list = append(list, thumbnail{width, "/ui/thumbnails?" + q.Encode()})
	}
	return list, nil
}

// missing reports that the object is not there, and nothing worse.
func missing(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Kind == fault.NotFound
}
