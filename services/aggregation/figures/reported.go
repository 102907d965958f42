package figures

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// Reported is one figure of a report.
type Reported struct {
	Cell   aggregation.Cell
	Metric aggregation.Metric
	// Months are those of the period, each YYYY-MM. The figure counts at the end
	// of the last.
	Months []string
	// Source names the source of reports, among all units', and Form its form.
	Source, Form string
	Sequence     int64
	// Supersedes is the sequence of the report whose place this one takes; 0: none.
	Supersedes int64
	Value      int64
}

// said is what a report last said of a figure.
type said struct{ value, sequence int64 }

// Judge says what entering r would do. Its fault says why it would not be
// counted: another source has the figure, or another report of this one.
func (f *Fold) Judge(r Reported) (aggregationv1.Report_Verdict, error) {
	verdict, _, err := f.judge(r)
	return verdict, err
}

// judge also says whether r would then be what counts: what another report said
// already, and is not superseded, remains that one's.
func (f *Fold) judge(r Reported) (verdict aggregationv1.Report_Verdict, counts bool, err error) {
	if free, err := f.free(r); !free || err != nil {
		return aggregationv1.Report_VERDICT_CONFLICT, false, cmp.Or(err, error(reports.ErrFigureTaken))
	}
	s, ok, err := f.said(r.key())
	switch ours := s.sequence == r.Supersedes; {
	case err != nil:
		return 0, false, err
	case !ok:
		return aggregationv1.Report_VERDICT_CREATED, true, nil
	case s.sequence == r.Sequence:
		return aggregationv1.Report_VERDICT_REJECTED, false, reports.ErrRowTwice.At("field", "重复", "twice")
	case s.value == r.Value:
		return aggregationv1.Report_VERDICT_UNCHANGED, ours, nil
	case ours:
		return aggregationv1.Report_VERDICT_UPDATED, true, nil
	case s.sequence > r.Sequence:
		return aggregationv1.Report_VERDICT_CONFLICT, false, reports.ErrSuperseded
	default:
		return aggregationv1.Report_VERDICT_CONFLICT, false, reports.ErrFigureLocked
	}
}

// free says whether nobody else has the figure.
func (f *Fold) free(r Reported) (bool, error) {
	for _, key := range r.holderKeys() {
		h, err := f.holder(key)
		if err != nil || h.n != 0 || h.source != "" && h.source != r.holder() {
			return false, err
		}
	}
	return true, nil
}

// Enter counts r, if Judge finds no fault in it, and answers as Judge does, and
// whether r is what counts now.
func (f *Fold) Enter(r Reported) (verdict aggregationv1.Report_Verdict, counted bool, err error) {
	verdict, counts, err := f.judge(r)
	if err != nil || !counts {
		return verdict, false, err
	}
	for _, key := range r.holderKeys() {
		f.holders[key] = holder{source: r.holder()}
	}
	n, err := f.around(r)
	if err != nil {
		return 0, false, err
	}
	before := n.carried
	if n.said {
		before = n.at.value
	}
	b := binary.AppendVarint(binary.AppendVarint(nil, r.Value), r.Sequence)
	return verdict, true, errors.Join(f.shiftReported(r, n, r.Value-before), f.tx.Put(reportedBucket, []byte(r.key()), b))
}

// Withdraw takes r off, if it is what counts: its report is superseded by one
// that does not say it. Of a stock, what stood before stands on. The source keeps
// the figure.
func (f *Fold) Withdraw(r Reported) error {
	n, err := f.around(r)
	if err != nil || !n.said || n.at.sequence != r.Sequence {
		return err
	}
	return errors.Join(f.shiftReported(r, n, n.carried-n.at.value), f.tx.Delete(reportedBucket, []byte(r.key())))
}

// Said returns what counts in the last month of r, if a report has said it.
func (f *Fold) Said(r Reported) (value int64, ok bool, err error) {
	s, ok, err := f.said(r.key())
	return s.value, ok, err
}

// shiftReported adds to what counts from the month of r on, up to the next one
// that was reported.
func (f *Fold) shiftReported(r Reported, n neighbours, more int64) error {
	if err := f.addReported(r, aggregation.LastDay(r.month()), more); err != nil {
		return err
	}
	if n.next == "" || !standsOn(r.Metric) {
		return nil
	}
	return f.addReported(r, aggregation.LastDay(n.next), -more)
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

// neighbours are what was said around a month.
type neighbours struct {
	carried int64 // what carries over from earlier months
	at      said  // what was said of the month, if anything
	said    bool
	next    string // the next month that was reported, or ""
}

// around returns what was said around the month of r. What stands carries over
// from the month before.
func (f *Fold) around(r Reported) (n neighbours, err error) {
	from, to := store.Prefix(r.series())
	for e, err := range f.tx.Scan(reportedBucket, from, to) {
		if err != nil {
			return n, err
		}
		s, err := readSaid(e.Value)
		if err != nil {
			return n, err
		}
		switch month := strings.TrimPrefix(string(e.Key), r.series()); {
		case month > r.month():
			n.next = month
			return n, nil
		case month == r.month():
			n.at, n.said = s, true
		case standsOn(r.Metric):
			n.carried = s.value
		}
	}
	return n, nil
}

// month is the one at whose end the figure counts.
func (r Reported) month() string { return r.Months[len(r.Months)-1] }

// holder is who has the figure: two forms of one source must not both bring what
// came in a month.
func (r Reported) holder() string {
	if aggregation.Define(r.Metric).Flow() {
		return r.Source + " " + r.Form
	}
	return r.Source
}

// holderKeys are one for each month of a flow, and one of anything else.
func (r Reported) holderKeys() (keys []string) {
	for _, month := range r.Months {
		keys = append(keys, holderKey(r.Cell.Unit, r.Metric, aggregation.LastDay(month)))
	}
	return slices.Compact(keys)
}

// series is the beginning of the keys of all months of the figure.
func (r Reported) series() string {
	return under(r.Cell.Unit) + strconv.Itoa(int(r.Metric)) + zero + r.Cell.Campaign + zero + r.Cell.Category + zero
}

func (r Reported) key() string { return r.series() + r.month() }

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
