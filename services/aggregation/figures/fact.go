package figures

import (
	"encoding/binary"
	"fmt"

	"github.com/duban-project/duban/services/aggregation"
)

// encodeFact writes a fact as texts behind their lengths, and numbers.
func encodeFact(f *aggregation.Fact) []byte {
	b := make([]byte, 0, 128)
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	for _, s := range []string{f.Unit, f.Campaign, f.Category, f.Source, f.Owes} {
		text(s)
	}
	b = binary.AppendVarint(b, boolean(f.Accepted))
	b = binary.AppendVarint(b, int64(len(f.Counts)))
	for _, c := range f.Counts {
		b = binary.AppendVarint(b, int64(c.Metric))
		text(c.Day)
		b = binary.AppendVarint(b, c.N)
	}
	b = binary.AppendVarint(b, boolean(f.Score != nil))
	if f.Score != nil {
		text(f.Score.Day)
		b = binary.AppendVarint(binary.AppendVarint(b, f.Score.Milli), f.Score.Rank)
	}
	return b
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// reader reads what encodeFact wrote; after what it cannot read it is broken and
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

func decodeFact(name string, b []byte) (*aggregation.Fact, error) {
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
