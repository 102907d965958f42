package strict

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/duban-project/duban/gateway/internal/problem"
)

// maxPlace is how many bytes of a place are told.
const maxPlace = 256

// place is the path up to which JSON can be read that breaks off: that of the member
// begun last, or of the body if there is none. in is the path of the whole.
func place(body []byte, in string) string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var open []level
	for {
		token, err := dec.Token()
		if err != nil {
			return pathOf(in, open)
		}
		switch delim, _ := token.(json.Delim); delim {
		case '{', '[':
			open = append(open, level{list: delim == '['})
			continue
		case '}', ']':
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			open[len(open)-1].read(token)
		}
	}
}

// level is an object or a list that has begun.
type level struct {
	list  bool
	items int    // of a list: those that were read
	name  string // of an object: that of the member begun last
	named bool   // of an object: the member's value was not read
}

// read takes note of the next name, or of the end of a value.
func (l *level) read(token json.Token) {
	switch {
	case l.list:
		l.items++
	case l.named:
		l.named = false
	default:
		l.name, l.named = token.(string) // nothing else names a member
	}
}

func pathOf(path string, open []level) string {
	for _, l := range open {
		switch {
		case l.list:
			path += "[" + strconv.Itoa(l.items) + "]"
		case l.name != "":
			path = join(path, l.name)
		}
	}
	switch {
	case len(open) == 0 || len(open) == 1 && open[0] == level{}:
		return problem.Body
	case len(path) > maxPlace:
		return strings.ToValidUTF8(path[:maxPlace], "") + "…"
	}
	return path
}
