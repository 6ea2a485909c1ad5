package intrinsic

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"fnstore/kit/flow/value"
)

// format fills the {} of a template. \{ and \} are braces, \\ is a backslash.
func format(_ *Env, args []any) (any, error) {
	template, err := text(args[0])
	if err != nil {
		return nil, err
	}
	args = args[1:]
	used := 0
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		c := template[i]
		switch {
		case c == '\\' && i+1 < len(template):
			i++
			b.WriteByte(template[i])
		case c == '{' && i+1 < len(template) && template[i+1] == '}':
			if used == len(args) {
				return nil, errors.New("there are fewer arguments than {} in the template")
			}
			if s, ok := args[used].(string); ok {
				b.WriteString(s)
			} else {
				b.WriteString(value.Text(args[used]))
			}
			used++
			i++
		case c == '{' || c == '}':
			return nil, errors.New("a brace in the template that is not {} needs a backslash before it")
		default:
			b.WriteByte(c)
		}
		if b.Len() > maxFormatted {
			return nil, fmt.Errorf("the text is longer than %d bytes", maxFormatted)
		}
	}
	if used < len(args) {
		return nil, errors.New("there are more arguments than {} in the template")
	}
	return b.String(), nil
}

// maxFormatted bounds what nested calls can blow up.
const maxFormatted = 1 << 20

func stringToJSON(_ *Env, args []any) (any, error) {
	s, err := text(args[0])
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	return value.Decode([]byte(s))
}

func jsonToString(_ *Env, args []any) (any, error) { return value.Text(args[0]), nil }

func limited(v any) (string, error) {
	s, err := text(v)
	if err == nil && utf8.RuneCountInString(s) > MaxText {
		err = fmt.Errorf("the text is longer than %d characters", MaxText)
	}
	return s, err
}

func base64Encode(_ *Env, args []any) (any, error) {
	s, err := limited(args[0])
	return base64.StdEncoding.EncodeToString([]byte(s)), err
}

func base64Decode(_ *Env, args []any) (any, error) {
	s, err := limited(args[0])
	if err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("the text is not base64")
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD"), nil
}

// hash is the hex digest of a string, or of another value as JSON.
func hash(_ *Env, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		if args[0] == nil {
			return nil, errors.New("null cannot be hashed")
		}
		s = value.Text(args[0])
	}
	if utf8.RuneCountInString(s) > MaxText {
		return nil, fmt.Errorf("the text is longer than %d characters", MaxText)
	}
	algorithm, err := text(args[1])
	if err != nil {
		return nil, err
	}
	return Hash(s, algorithm)
}

// Hash is the hex digest of a text by MD5, SHA-1, SHA-256, SHA-384 or SHA-512.
func Hash(s, algorithm string) (string, error) {
	switch algorithm {
	case "MD5":
		d := md5.Sum([]byte(s))
		return hex.EncodeToString(d[:]), nil
	case "SHA-1":
		d := sha1.Sum([]byte(s))
		return hex.EncodeToString(d[:]), nil
	case "SHA-256":
		d := sha256.Sum256([]byte(s))
		return hex.EncodeToString(d[:]), nil
	case "SHA-384":
		d := sha512.Sum384([]byte(s))
		return hex.EncodeToString(d[:]), nil
	case "SHA-512":
		d := sha512.Sum512([]byte(s))
		return hex.EncodeToString(d[:]), nil
	}
	return "", errors.New("the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512")
}
