package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// kept is a row as a line of JSON, which has no NaN.
type kept struct {
	Row
	Got *float64
}

// add appends the rows in one write, so that sections may run beside each other.
func add(path string, rows []Row) error {
	var lines bytes.Buffer
	for _, r := range rows {
		k := kept{Row: r}
		if !math.IsNaN(r.Got) {
			k.Got = &r.Got
		}
		line, err := json.Marshal(k)
		if err != nil {
			return fmt.Errorf("write the row %q: %w", r.What, err)
		}
		lines.Write(append(line, '\n'))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines.Bytes())
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// Read gives the rows that were kept in a file.
func Read(path string) ([]Row, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var k kept
		if err := json.Unmarshal(line, &k); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, i+1, err)
		}
		k.Row.Got = math.NaN()
		if k.Got != nil {
			k.Row.Got = *k.Got
		}
		rows = append(rows, k.Row)
	}
	return rows, nil
}
