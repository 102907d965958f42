package reports

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// Then returns those of a unit's reports that had come by a moment, as far as they had come
// then: RETURNED, SUPERSEDED by another that never counted either, or else SUBMITTED,
// accepted or not. What came for one of the reports MUST be among them.
func Then(sent []*aggregationv1.Report, at time.Time) (stood []*aggregationv1.Report) {
	for _, r := range sent {
		if hadCome(r, at) {
			stood = append(stood, &aggregationv1.Report{
				Name: r.GetName(), Form: r.GetForm(), Period: r.GetPeriod(), Source: r.GetSource(), Sequence: r.GetSequence(),
				State: stateAt(r, sent, at), Late: r.GetLate(), CreateTime: r.GetCreateTime(),
			})
		}
	}
	return stood
}

func hadCome(r *aggregationv1.Report, at time.Time) bool {
	return !r.GetCreateTime().AsTime().After(at)
}

func stateAt(r *aggregationv1.Report, sent []*aggregationv1.Report, at time.Time) aggregationv1.Report_State {
	switch state := r.GetState(); state {
	case aggregationv1.Report_STATE_RETURNED:
		when := r.GetReturnTime()
		if when == nil {
			when = r.GetUpdateTime() // of what was returned before that was kept
		}
		if !when.AsTime().After(at) {
			return state
		}
	case aggregationv1.Report_STATE_SUPERSEDED:
		i := slices.IndexFunc(sent, func(by *aggregationv1.Report) bool { return by.GetName() == r.GetSupersededBy() })
		if !HasCounted(r) && i >= 0 && hadCome(sent[i], at) {
			return state
		}
	}
	return aggregationv1.Report_STATE_SUBMITTED
}

// Fresh says how fresh a source is now, by what is kept of it.
func Fresh(s *aggregationv1.ReportSource) *aggregationv1.ReportingSource {
	return &aggregationv1.ReportingSource{
		Unit: s.GetUnit(), Source: s.GetSource(), ReportSource: s.GetName(), ReportTime: s.GetReportTime(), ReportedUntil: s.GetReportedUntil(),
	}
}

// Reaches says whether a report may be why its source has reported until when it has.
func Reaches(s *aggregationv1.ReportSource, r *aggregationv1.Report) bool {
	return lastDay(r) == s.GetReportedUntil()
}

// Recounted returns the source with until when it has reported worked out anew, from all
// reports of its unit.
func Recounted(s *aggregationv1.ReportSource, sent []*aggregationv1.Report, now time.Time) *aggregationv1.ReportSource {
	s = proto.CloneOf(s)
	s.ReportedUntil = Reporting(s, Then(sent, now)).GetReportedUntil()
	return s
}

// Reporting says how fresh a source is, by the reports of its unit that had come.
func Reporting(s *aggregationv1.ReportSource, sent []*aggregationv1.Report) *aggregationv1.ReportingSource {
	fresh := &aggregationv1.ReportingSource{Unit: s.GetUnit(), Source: s.GetSource(), ReportSource: s.GetName()}
	for _, r := range sent {
		if r.GetSource() != s.GetSource() {
			continue
		}
		if fresh.ReportTime == nil || fresh.GetReportTime().AsTime().Before(r.GetCreateTime().AsTime()) {
			fresh.ReportTime = r.GetCreateTime()
		}
		if r.GetState() == aggregationv1.Report_STATE_SUBMITTED {
			fresh.ReportedUntil = max(fresh.GetReportedUntil(), lastDay(r))
		}
	}
	return fresh
}

// lastDay is that of a report's period; none, if its form is no longer there.
func lastDay(r *aggregationv1.Report) string {
	form, err := FindForm(r.GetForm())
	if err != nil {
		return ""
	}
	p, err := ParsePeriod(form, r.GetPeriod())
	if err != nil {
		return ""
	}
	return p.LastDay()
}
