package story

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/stage"
)

const source = "own-system"

// missingMonth is the month of which the absent district never reports.
const missingMonth = "2026-09"

// An outer problem is one that the absent district keeps in its own system.
type outer struct {
	unit, category string
	closed         string // the month; empty: it still stands
	due            string // the month
}

// outerProblems are those of the absent district, with what becomes of them.
func (s *Story) outerProblems() (list []outer) {
	for i, p := range s.City.Problems {
		if s.Works(p.Unit) {
			continue
		}
		o := outer{unit: p.Unit, category: p.Category, due: p.Deadline[:len("2026-05")]}
		if i%5 != 0 {
			o.closed = o.due
		}
		list = append(list, o)
	}
	return list
}

// reportFrom has the absent district push its monthly reports from its own
// system (月报), and the city accept them. Of one month it sends a mistake, which
// is returned, and then the right figures; of another it sends nothing.
func reportFrom(months ...string) func(*Story, context.Context) error {
	return func(s *Story, ctx context.Context) error {
		if s.Unit(s.Absent).Code == "" {
			return nil
		}
		if s.As(s.reporter).Key() == "" {
			if err := s.setup.Machine(ctx, s.reporter, strings.TrimSuffix(s.Unit(s.Absent).DisplayName, "教育局（演示数据）")+"自建督办系统（演示数据）", s.Absent, "reporter"); err != nil {
				return err
			}
		}
		for i, month := range months {
			if err := s.reportMonth(ctx, month, i == 0); err != nil {
				return err
			}
			s.Advance(1 / float64(len(months)))
		}
		return nil
	}
}

// lateMonth is the month that is reported after the late window, with the city's
// leave.
const lateMonth = "2026-07"

// leave: without it the report is refused (准予补报).
func (s *Story) leave(ctx context.Context, month string) error {
	_, err := s.push(ctx, month, s.rows(month))
	if err := stage.Refused("a report after the late window", err, http.StatusBadRequest, "REPORT_LEAVE_MISSING"); err != nil {
		return err
	}
	leave := &aggregationv1.ReportLeave{
		Unit: cast.Name(s.Absent), Form: "reportForms/ledger-monthly", Period: month, UntilDate: "2026-12-31", Reason: "自建系统故障，准予补报。",
	}
	return s.By(s.top, "supervisor1").Post(ctx, "/v1/reportLeaves", leave, &aggregationv1.ReportLeave{})
}

func (s *Story) reportMonth(ctx context.Context, month string, mistaken bool) error {
	s.sequence++
	if month == missingMonth {
		return nil
	}
	if month == lateMonth {
		if err := s.leave(ctx, month); err != nil {
			return err
		}
	}
	if mistaken {
		r, err := s.push(ctx, month, []*aggregationv1.Report_Row{row(s.Absent, "WEAK", "found", 999)})
		if err != nil {
			return err
		}
		back := &aggregationv1.ReturnReportRequest{Name: r.GetName(), Reason: "数字明显有误，请核对后重报。"}
		if err := s.By(s.top, "supervisor1").Do(ctx, "return", back, r); err != nil {
			return err
		}
		s.sequence++
	}
	r, err := s.push(ctx, month, s.rows(month))
	if err != nil {
		return err
	}
	if err := s.By(s.top, "supervisor1").Do(ctx, "accept", &aggregationv1.AcceptReportRequest{Name: r.GetName(), Etag: r.GetEtag()}, r); err != nil {
		return err
	}
	for _, said := range r.GetRows() {
		if v := said.GetVerdict(); v != aggregationv1.Report_VERDICT_CREATED && v != aggregationv1.Report_VERDICT_UPDATED {
			return fmt.Errorf("the row %v came to %s", said, v)
		}
	}
	s.counted(month)
	return nil
}

// push sends a report twice, as a system does that is not sure: the second time
// is answered as the first.
func (s *Story) push(ctx context.Context, month string, rows []*aggregationv1.Report_Row) (*aggregationv1.Report, error) {
	r := &aggregationv1.Report{
		Form: "reportForms/ledger-monthly", Unit: cast.Name(s.Absent), Period: month,
		Source: source, Sequence: s.sequence, Rows: rows, NilReport: len(rows) == 0,
	}
	first, again := &aggregationv1.Report{}, &aggregationv1.Report{}
	if err := s.As(s.reporter).InFull().Post(ctx, "/v1/reports", r, first); err != nil {
		return nil, err
	}
	if err := s.As(s.reporter).InFull().Post(ctx, "/v1/reports", r, again); err != nil {
		return nil, err
	}
	if err := stage.Same("a report sent twice", again.GetName(), first.GetName()); err != nil {
		return nil, err
	}
	err := s.As(s.reporter).Do(ctx, "accept", &aggregationv1.AcceptReportRequest{Name: first.GetName()}, again)
	return first, stage.Refused("a machine accepts", err, http.StatusForbidden, "")
}

func row(unit, category, field string, n int64) *aggregationv1.Report_Row {
	return &aggregationv1.Report_Row{Unit: cast.Name(unit), Field: field, Campaign: campaign, Category: category, Value: n}
}

// stands says whether a problem is being rectified at the end of a month.
func (o outer) stands(month string) bool {
	return month >= outerMonth && (o.closed == "" || o.closed > month)
}

// outerMonth is the month in which all of them were found.
const outerMonth = "2026-03"

// rows are what the district says of a month: what was found and closed in it, and what
// stood and was overdue at its end. What stands no more it says too: 0.
func (s *Story) rows(month string) (rows []*aggregationv1.Report_Row) {
	add := func(o outer, field string, n int64) {
		at := slices.IndexFunc(rows, func(r *aggregationv1.Report_Row) bool {
			return r.GetUnit() == cast.Name(o.unit) && r.GetCategory() == o.category && r.GetField() == field
		})
		if at < 0 {
			rows, at = append(rows, row(o.unit, o.category, field, 0)), len(rows)
		}
		rows[at].Value += n
	}
	for _, o := range s.outerProblems() {
		if month == outerMonth {
			add(o, "found", 1)
		}
		if o.closed == month {
			add(o, "closed", 1)
		}
		if month >= outerMonth {
			add(o, "rectifying", one(o.stands(month)))
		}
		if o.closed == "" && o.due < month {
			add(o, "overdue", 1)
		}
	}
	return rows
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// counted notes what an accepted month changes. What stands, and is overdue, is as last
// reported.
func (s *Story) counted(month string) {
	for i, o := range s.outerProblems() {
		if month == outerMonth {
			s.done.add(o.unit, o.category, "problems_found", 1)
		}
		if o.closed == month {
			s.done.add(o.unit, o.category, "problems_closed", 1)
		}
		s.done.add(o.unit, o.category, "problems_rectifying", one(o.stands(month))-one(s.standsOutside[i]))
		s.standsOutside[i] = o.stands(month)
		if o.closed == "" && o.due < month && !s.overdueOutside[i] {
			s.overdueOutside[i] = true
			s.done.add(o.unit, o.category, "problems_overdue", 1)
		}
	}
}
