package reports

import (
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// maxJump is how far a source's number may lie beyond its last.
const maxJump = 100_000

// maxGaps is how many stretches of a source's numbers may be missing.
const maxGaps = 100

// Took returns the source (报送来源) after a report has come; a zero source has had
// none. A sequence that is not missing and not beyond the last has come before and
// leaves the numbers as they are.
func Took(s *aggregationv1.ReportSource, r *aggregationv1.Report, now time.Time) (*aggregationv1.ReportSource, error) {
	s, sequence := proto.CloneOf(s), r.GetSequence()
	if limit := s.GetLastSequence() + maxJump; sequence > limit {
		return nil, ErrSequenceFar.With("limit", strconv.FormatInt(limit, 10)).At("report.sequence", "跳号过多", "leaves out too many")
	}
	s.ReportedUntil, s.ReportTime = max(s.GetReportedUntil(), lastDay(r)), timestamppb.New(now)
	if last := s.GetLastSequence(); sequence > last {
		if sequence > last+1 {
			s.MissingSequences = append(s.MissingSequences, &aggregationv1.ReportSource_Gap{First: last + 1, Last: sequence - 1})
		}
		s.LastSequence = sequence
	} else {
		s.MissingSequences = filled(s.GetMissingSequences(), sequence)
	}
	if len(s.GetMissingSequences()) > maxGaps {
		return nil, ErrGapsTooMany.With("limit", strconv.Itoa(maxGaps))
	}
	s.MissingTotal = 0
	for _, g := range s.GetMissingSequences() {
		s.MissingTotal += g.GetLast() - g.GetFirst() + 1
	}
	return s, nil
}

// MissingBefore says how many of the source's numbers are missing directly before
// those of the reports: whoever left numbers out has done so by the next report.
func MissingBefore(s *aggregationv1.ReportSource, sent []*aggregationv1.Report) (n int64) {
	for _, g := range s.GetMissingSequences() {
		if slices.ContainsFunc(sent, func(r *aggregationv1.Report) bool { return r.GetSequence() == g.GetLast()+1 }) {
			n += g.GetLast() - g.GetFirst() + 1
		}
	}
	return n
}

// filled returns the gaps without one number.
func filled(gaps []*aggregationv1.ReportSource_Gap, n int64) []*aggregationv1.ReportSource_Gap {
	i := slices.IndexFunc(gaps, func(g *aggregationv1.ReportSource_Gap) bool { return g.GetFirst() <= n && n <= g.GetLast() })
	if i < 0 {
		return gaps
	}
	var left []*aggregationv1.ReportSource_Gap
	if g := gaps[i]; g.GetFirst() < n {
		left = append(left, &aggregationv1.ReportSource_Gap{First: g.GetFirst(), Last: n - 1})
	}
	if g := gaps[i]; n < g.GetLast() {
		left = append(left, &aggregationv1.ReportSource_Gap{First: n + 1, Last: g.GetLast()})
	}
	return slices.Replace(gaps, i, i+1, left...)
}
