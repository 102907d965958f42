package reported

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/internal/store"
)

// said is what a report last said of a figure, and when.
type said struct{ value, sequence, moment int64 }

// neighbours are what was said around a month.
type neighbours struct {
	carried int64 // what carries over from earlier months
	at      said  // what was said of the month, if anything
	said    bool
	next    string // the next month that was reported, or ""
}

// around returns what was said around the month of r. What stands carries over
// from the month before.
func (c *Claims) around(r Figure) (n neighbours, err error) {
	from, to := store.Prefix(r.prefix())
	for e, err := range c.tx.Scan(reportedBucket, from, to) {
		if err != nil {
			return n, err
		}
		s, err := readSaid(e.Value)
		if err != nil {
			return n, err
		}
		switch month := strings.TrimPrefix(string(e.Key), r.prefix()); {
		case month > r.month():
			n.next = month
			return n, nil
		case month == r.month():
			n.at, n.said = s, true
		case !r.flow():
			n.carried = s.value
		}
	}
	return n, nil
}

// prefix is the beginning of the keys of all months of the figure.
func (r Figure) prefix() string {
	return strings.TrimPrefix(r.Cell.Unit, "units/") + zero + strconv.Itoa(int(r.Metric)) + zero + r.Cell.Campaign + zero + r.Cell.Category + zero
}

func (r Figure) key() string { return r.prefix() + r.month() }

func (c *Claims) said(key string) (said, bool, error) {
	b, there, err := store.Seek(c.tx, reportedBucket, []byte(key))
	if err != nil || !there {
		return said{}, false, err
	}
	s, err := readSaid(b)
	return s, true, err
}

func readSaid(b []byte) (s said, err error) {
	for _, to := range []*int64{&s.value, &s.sequence, &s.moment} {
		n, i := binary.Varint(b)
		if i <= 0 {
			return said{}, errSaid
		}
		*to, b = n, b[i:]
	}
	return s, nil
}

var errSaid = errors.New("a reported figure that cannot be read")
