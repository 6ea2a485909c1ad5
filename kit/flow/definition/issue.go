package definition

import (
	"fmt"
	"sort"
	"strings"
)

// Codes of what is wrong with a definition. Those that AWS has are AWS'.
const (
	InvalidJSON      = "INVALID_JSON_DESCRIPTION"
	Schema           = "SCHEMA_VALIDATION_FAILED"
	MissingTarget    = "MISSING_TRANSITION_TARGET"
	DuplicateState   = "DUPLICATE_STATE_NAME"
	TooLarge         = "DEFINITION_TOO_LARGE"
	NotDistributed   = "NOT_DISTRIBUTED"
	CatchNeverUsed   = "CATCH_NEVER_MATCHES"
	RetryBeforeCatch = "RETRY_DELAYS_CATCH"
	RetryUnsafe      = "RETRY_NOT_IDEMPOTENT"
	ResultErased     = "RESULT_PATH_ERASES"
	NoCatch          = "COMPENSATION_WITHOUT_CATCH"
	NoTimeout        = "TASK_WITHOUT_TIMEOUT"
	NoEnd            = "NO_TERMINAL_STATE"
	NoDefault        = "CHOICE_WITHOUT_DEFAULT"
	UnknownFunction  = "UNKNOWN_FUNCTION"
	UnknownError     = "UNKNOWN_ERROR_NAME"
)

// Issue is something wrong (an error) or doubtful (a warning).
type Issue struct {
	Warning      bool
	Code         string
	Pointer      string // JSON pointer (RFC 6901)
	Line, Column int    // from 1; the column counts characters
	Message      string
}

func (i Issue) String() string {
	kind := "error"
	if i.Warning {
		kind = "warning"
	}
	return fmt.Sprintf("%d:%d: %s: %s (%s at %s)", i.Line, i.Column, kind, i.Message, i.Code, at(i.Pointer))
}

func at(pointer string) string {
	if pointer == "" {
		return "/"
	}
	return pointer
}

// Issues are all that was found, in the order of the text.
type Issues []Issue

// Err is the errors among the issues, or nil.
func (l Issues) Err() error {
	var text []string
	for _, i := range l {
		if !i.Warning {
			text = append(text, i.String())
		}
	}
	if text == nil {
		return nil
	}
	return fmt.Errorf("invalid state machine definition:\n%s", strings.Join(text, "\n"))
}

// place finds line and column of every issue and sorts them.
func (l Issues) place(text []byte, offsets map[string]int) {
	for k := range l {
		i := &l[k]
		if i.Line > 0 {
			continue
		}
		offset, ok := offsets[i.Pointer]
		for p := i.Pointer; !ok && p != ""; {
			p = p[:strings.LastIndexByte(p, '/')]
			offset, ok = offsets[p]
		}
		i.Line, i.Column = position(text, offset)
	}
	sort.SliceStable(l, func(a, b int) bool {
		if l[a].Line != l[b].Line {
			return l[a].Line < l[b].Line
		}
		return l[a].Column < l[b].Column
	})
}

func position(text []byte, offset int) (line, column int) {
	before := string(text[:min(offset, len(text))])
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, len([]rune(before[start:])) + 1
}
