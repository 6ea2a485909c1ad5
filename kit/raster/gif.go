package raster

import (
	"image"
	"image/draw"
	"image/gif"
	"io"

	"fnstore/kit/exif"
)

// inspectGIF reads the logical screen. image/gif refuses a frame that is
// larger than it (since Go 1.5), so the screen bounds the frames.
func inspectGIF(file []byte) (Header, error) {
	c, err := config(gif.DecodeConfig, file)
	if err != nil {
		return Header{}, err
	}
	// A byte a pixel, once more to undo interlacing, four for the canvas.
	mem := 6 * int64(c.Width) * int64(c.Height)
	return Header{Format: GIF, Width: c.Width, Height: c.Height, Orientation: exif.Upright, Memory: mem}, nil
}

// screen remembers the first bytes that pass: they hold the screen's size,
// which gif.Decode does not tell and a smaller first frame does not show.
type screen struct {
	r    io.Reader
	head []byte
}

func (s *screen) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if missing := 10 - len(s.head); missing > 0 {
		s.head = append(s.head, p[:min(n, missing)]...)
	}
	return n, err
}

func (s *screen) bounds() image.Rectangle {
	return image.Rect(0, 0, int(s.head[6])|int(s.head[7])<<8, int(s.head[8])|int(s.head[9])<<8)
}

// firstFrame decodes the first frame only; the others are never read.
func firstFrame(r io.Reader) (image.Image, error) {
	s := &screen{r: r}
	frame, err := gif.Decode(s)
	if err != nil {
		return nil, err
	}
	if frame.Bounds() == s.bounds() {
		return frame, nil
	}
	canvas := image.NewRGBA(s.bounds())
	draw.Draw(canvas, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return canvas, nil
}
