package reports

import (
	_ "embed" // for the directive below
	"fmt"
	"math/big"
	"slices"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
)

//go:embed quality.yaml
var qualityFile []byte

// formula is what the score weighs, and where that comes from.
var formula = func() *aggregationv1.ReportQuality {
	f := &aggregationv1.ReportQuality{}
	if err := unmarshal(qualityFile, f); err != nil {
		panic(fmt.Sprintf("the formula of the score in the program: %v", err))
	}
	return f
}()

// Sent is what the score of a source and month is made of.
type Sent struct {
	// Owed has what the unit owes by the forms whose periods end in the month and
	// that are due. What another source of the unit sent is not this one's.
	Owed []*aggregationv1.ReportDue
	// Due are the reports of the source that came for these.
	Due []*aggregationv1.Report
	// Reports are all that the source sent for these periods, and beside what was
	// owed.
	Reports []*aggregationv1.Report
	// Missing is how many of its sequence numbers directly before those of these
	// reports have not come.
	Missing int64
}

// QualityOf returns how good what a source sent of a month is (报送质量): whether
// all came, in time, with rows that can be read, that hold together, and without
// gaps or corrections. A part with nothing to judge is left out of the score.
func QualityOf(source, month string, s Sent) *aggregationv1.ReportQuality {
	q := proto.CloneOf(formula)
	q.Name, q.Month = source+"/quality", month
	sum, weight := new(big.Rat), int64(0)
	for _, part := range q.GetParts() {
		part.Good, part.All = parts[part.GetPart()](s)
		if part.NotJudged = part.GetAll() == 0; part.GetNotJudged() {
			continue
		}
		part.Milli = aggregation.Share(part.GetGood(), part.GetAll())
		weight += int64(part.GetWeight())
		sum.Add(sum, big.NewRat(part.GetGood()*int64(part.GetWeight()), part.GetAll()))
	}
	if weight > 0 { // rounded down, and once
		score := sum.Mul(sum, big.NewRat(100_000, weight))
		q.ScoreMilli = proto.Int64(new(big.Int).Quo(score.Num(), score.Denom()).Int64())
	}
	return q
}

// parts count how many are as they should be, and of how many.
var parts = map[string]func(Sent) (good, all int64){
	"complete": func(s Sent) (good, all int64) {
		return count(s.Owed, came), int64(len(s.Owed))
	},
	"timely": func(s Sent) (good, all int64) {
		first := s.first()
		return count(first, func(r *aggregationv1.Report) bool { return !r.GetLate() }), int64(len(first))
	},
	"valid": func(s Sent) (good, all int64) {
		for _, r := range s.Reports {
			t := r.GetTotals()
			good, all = good+int64(t.GetRows()-t.GetRejected()-t.GetQuarantined()), all+int64(t.GetRows())
		}
		return good, all
	},
	"consistent": func(s Sent) (good, all int64) {
		for _, r := range s.Reports {
			t := r.GetTotals()
			good, all = good+int64(t.GetRows()-t.GetInconsistent()), all+int64(t.GetRows())
		}
		return good, all
	},
	"stable": func(s Sent) (good, all int64) {
		calm := func(r *aggregationv1.Report) bool {
			return r.GetState() != aggregationv1.Report_STATE_RETURNED && r.GetState() != aggregationv1.Report_STATE_SUPERSEDED
		}
		return count(s.Reports, calm), int64(len(s.Reports)) + s.Missing
	},
}

// first are the reports that were owed and take no other's place.
func (s Sent) first() []*aggregationv1.Report {
	return slices.DeleteFunc(slices.Clone(s.Due), func(r *aggregationv1.Report) bool { return r.GetSupersedes() != "" })
}

// came says whether something came that was not returned.
func came(d *aggregationv1.ReportDue) bool {
	return d.GetState() == aggregationv1.ReportDue_STATE_SUBMITTED || d.GetState() == aggregationv1.ReportDue_STATE_ACCEPTED
}

func count[T any](list []T, is func(T) bool) (n int64) {
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}
