// Package facts writes as bytes what records count and by what they change figures, and
// reads that. What a record counts is decided by package aggregation, and where it is kept
// by package figures.
package facts

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/aggregation"
)

// Encode writes a fact as texts behind their lengths, and numbers.
func Encode(f *aggregation.Fact) []byte {
	b := texts(make([]byte, 0, 128), f.Unit, f.Campaign, f.Category, f.Source, f.Owes)
	b = binary.AppendVarint(b, boolean(f.Accepted))
	b = binary.AppendVarint(b, int64(len(f.Counts)))
	for _, c := range f.Counts {
		b = binary.AppendVarint(b, int64(c.Metric))
		b = texts(b, c.Day)
		b = binary.AppendVarint(b, c.N)
	}
	b = binary.AppendVarint(b, boolean(f.Score != nil))
	if f.Score != nil {
		b = texts(b, f.Score.Day)
		b = binary.AppendVarint(binary.AppendVarint(b, f.Score.Milli), f.Score.Rank)
	}
	return b
}

func texts(b []byte, all ...string) []byte {
	for _, s := range all {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// reader reads what was written so; after what it cannot read it is broken and
// answers zeros.
type reader struct {
	b      []byte
	broken bool
}

func (r *reader) number() int64 {
	n, i := binary.Varint(r.b)
	if i <= 0 {
		r.broken, r.b = true, nil
		return 0
	}
	r.b = r.b[i:]
	return n
}

func (r *reader) text() string {
	n, i := binary.Uvarint(r.b)
	if i <= 0 || n > uint64(len(r.b)-i) {
		r.broken, r.b = true, nil
		return ""
	}
	s := string(r.b[i : i+int(n)])
	r.b = r.b[i+int(n):]
	return s
}

// Decode returns what Encode wrote of the record of that name.
func Decode(name string, b []byte) (*aggregation.Fact, error) {
	r := &reader{b: b}
	f := &aggregation.Fact{}
	for _, s := range []*string{&f.Unit, &f.Campaign, &f.Category, &f.Source, &f.Owes} {
		*s = r.text()
	}
	f.Accepted = r.number() == 1
	for n := r.number(); n > 0 && !r.broken; n-- {
		f.Counts = append(f.Counts, aggregation.Count{Metric: aggregation.Metric(r.number()), Day: r.text(), N: r.number()})
	}
	if r.number() == 1 {
		f.Score = &aggregation.Score{Day: r.text(), Milli: r.number(), Rank: r.number()}
	}
	if r.broken || len(r.b) > 0 {
		return nil, fmt.Errorf("what %s counts cannot be read", name)
	}
	return f, nil
}

// AppendChange writes a delta of some kind behind others.
func AppendChange(b []byte, kind byte, d aggregation.Delta) []byte {
	b = texts(b, d.Unit, d.Campaign, d.Category, d.Source, d.Day)
	b = binary.AppendVarint(binary.AppendVarint(b, int64(kind)), boolean(d.Accepted))
	return binary.AppendVarint(binary.AppendVarint(b, int64(d.Metric)), d.N)
}

var errChanges = errors.New("changes that cannot be read")

// Changes calls take for every delta that AppendChange wrote, with its kind.
func Changes(b []byte, take func(kind byte, d aggregation.Delta)) error {
	r := &reader{b: b}
	for len(r.b) > 0 && !r.broken {
		var d aggregation.Delta
		for _, s := range []*string{&d.Unit, &d.Campaign, &d.Category, &d.Source, &d.Day} {
			*s = r.text()
		}
		kind := byte(r.number())
		d.Accepted, d.Metric, d.N = r.number() == 1, aggregation.Metric(r.number()), r.number()
		take(kind, d)
	}
	if r.broken {
		return errChanges
	}
	return nil
}
