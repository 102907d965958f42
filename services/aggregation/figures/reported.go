package figures

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Reported is one figure of a report.
type Reported struct {
	Cell   aggregation.Cell
	Metric aggregation.Metric
	Month  string // YYYY-MM
	// Source names the source of reports, among all units'.
	Source   string
	Sequence int64
	Value    int64
}

// said is what a source last said of a figure.
type said struct{ value, sequence int64 }

// Judge says what entering r would do. Its fault says why it would not be
// counted: another source has the figure, or a later report of this one is
// counted already.
func (f *Fold) Judge(r Reported) (aggregationv1.Report_Verdict, error) {
	h, err := f.holder(r.holderKey())
	if err != nil {
		return 0, err
	}
	if h.source != "" && h.source != r.Source || h.n != 0 {
		return aggregationv1.Report_VERDICT_CONFLICT, aggregation.ErrFigureTaken
	}
	s, ok, err := f.said(r.key())
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return aggregationv1.Report_VERDICT_CREATED, nil
	case s.sequence > r.Sequence:
		return aggregationv1.Report_VERDICT_CONFLICT, aggregation.ErrSuperseded
	case s.value == r.Value:
		return aggregationv1.Report_VERDICT_UNCHANGED, nil
	default:
		return aggregationv1.Report_VERDICT_UPDATED, nil
	}
}

// Enter counts r, if Judge finds no fault in it, and answers as Judge does.
func (f *Fold) Enter(r Reported) (aggregationv1.Report_Verdict, error) {
	verdict, err := f.Judge(r)
	if err != nil {
		return verdict, err
	}
	f.holders[r.holderKey()] = holder{source: r.Source}
	before, next, err := f.around(r)
	if err != nil {
		return 0, err
	}
	more := r.Value - before.value
	if err := f.addReported(r, aggregation.LastDay(r.Month), more); err != nil {
		return 0, err
	}
	if next != "" && standsOn(r.Metric) {
		if err := f.addReported(r, aggregation.LastDay(next), -more); err != nil {
			return 0, err
		}
	}
	b := binary.AppendVarint(binary.AppendVarint(nil, r.Value), r.Sequence)
	return verdict, f.tx.Put(reportedBucket, []byte(r.key()), b)
}

func (f *Fold) addReported(r Reported, day string, n int64) error {
	if n == 0 {
		return nil
	}
	f.name = "reports/" + r.Source
	return f.add(kindOfReported(r.Metric), aggregation.Delta{Cell: r.Cell, Accepted: true, Metric: r.Metric, Day: day, N: n})
}

// kindOfReported is that of what reports say: also what is overdue stands, until
// the next month says otherwise.
func kindOfReported(m aggregation.Metric) kind {
	if kindOf(m) == flows {
		return flows
	}
	return stands
}

// around returns what counts in the month of r until now, and the next month
// that was reported, or "". What stands carries over from the month before.
func (f *Fold) around(r Reported) (before said, next string, err error) {
	from, to := store.Prefix(r.series())
	for e, err := range f.tx.Scan(reportedBucket, from, to) {
		if err != nil {
			return said{}, "", err
		}
		month := strings.TrimPrefix(string(e.Key), r.series())
		switch {
		case month > r.Month:
			return before, month, nil
		case month == r.Month || standsOn(r.Metric):
			if before, err = readSaid(e.Value); err != nil {
				return said{}, "", err
			}
		}
	}
	return before, "", nil
}

func (r Reported) holderKey() string {
	return holderKey(r.Cell.Unit, r.Metric, aggregation.LastDay(r.Month))
}

// series is the beginning of the keys of all months of the figure.
func (r Reported) series() string {
	return under(r.Cell.Unit) + strconv.Itoa(int(r.Metric)) + zero + r.Cell.Campaign + zero + r.Cell.Category + zero
}

func (r Reported) key() string { return r.series() + r.Month }

func (f *Fold) said(key string) (said, bool, error) {
	b, err := f.tx.Get(reportedBucket, []byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return said{}, false, nil
	}
	if err != nil {
		return said{}, false, err
	}
	s, err := readSaid(b)
	return s, true, err
}

func readSaid(b []byte) (said, error) {
	value, i := binary.Varint(b)
	if i <= 0 {
		return said{}, errSaid
	}
	sequence, j := binary.Varint(b[i:])
	if j <= 0 {
		return said{}, errSaid
	}
	return said{value, sequence}, nil
}

var errSaid = errors.New("a reported figure that cannot be read")
