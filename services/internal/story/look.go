package story

import (
	"context"
	"fmt"
	"slices"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/picture"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// look asks for the status of the city as its viewer, compares it with what the
// story counted and with what is read problem by problem, and keeps the picture.
func (s *Story) look(ctx context.Context) error {
	s.picture = &picture.Picture{Date: s.Date, Names: map[string]string{}, Gloss: map[string]string{}}
	for _, part := range []func(context.Context) error{s.lookNames, s.lookCity, s.lookCategories, s.lookDown, s.lookSeries, s.lookGaps, s.lookDues, s.recount} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Story) lookNames(ctx context.Context) error {
	list := &aggregationv1.ListMetricsResponse{}
	if err := s.By(s.top, "viewer").Get(ctx, stage.Query("/v1/metrics", "pageSize", "1000"), list); err != nil {
		return err
	}
	for _, m := range list.GetMetrics() {
		id := strings.TrimPrefix(m.GetName(), "metrics/")
		s.picture.Names[id], s.picture.Gloss[id] = m.GetDisplayNameZh(), m.GetDisplayNameEn()
	}
	return nil
}

// status reads a unit's status once everything that was done is counted in it.
func (s *Story) status(ctx context.Context, unit string, pairs ...string) (*aggregationv1.Status, error) {
	path := stage.Query("/v1/"+cast.Name(unit)+"/status", append(pairs, "pageSize", "200")...)
	status := &aggregationv1.Status{}
	return status, stage.Await(ctx, func() (still, err error) {
		err = s.By(s.top, "viewer").Get(ctx, path, status)
		return stage.Same("that the status of "+unit+" is provisional", status.GetProvisional(), false), err
	})
}

// agreed reads a unit's status once its figures are what the story counted: of what was
// written last the suite may not have heard yet, and then nothing is missing to it.
func (s *Story) agreed(ctx context.Context, code string) (*aggregationv1.Status, error) {
	var status *aggregationv1.Status
	before := s.picture.Compared
	err := stage.Await(ctx, func() (still, err error) {
		if status, err = s.status(ctx, code); err != nil {
			return nil, err
		}
		s.picture.Compared = before
		return s.compare(code, "", figuresOf(status.GetFigures())), nil
	})
	return status, err
}

func figuresOf(list []*aggregationv1.Figure) picture.Figures { return lineOf("", list).Figures }

// lineOf is a line of a unit's figures.
func lineOf(name string, list []*aggregationv1.Figure) picture.Line {
	line := picture.Line{Name: name, Figures: picture.Figures{}}
	for _, f := range list {
		metric := strings.TrimPrefix(f.GetMetric(), "metrics/")
		line.Figures[metric] = f.GetValue()
		if f.GetPartial() && f.GetValue() == 0 {
			line.Unknown = append(line.Unknown, metric)
		}
	}
	return line
}

// lookCity reads the city by district, ranked by what share is closed.
func (s *Story) lookCity(ctx context.Context) error {
	status, err := s.agreed(ctx, s.top)
	if err != nil {
		return err
	}
	s.picture.Cities = figuresOf(status.GetFigures())
	places := &aggregationv1.CompareStatusResponse{}
	path := stage.Query("/v1/"+cast.Name(s.top)+"/status:compare", "metric", "metrics/problems_closing_rate", "pageSize", "1000")
	if err := s.By(s.top, "viewer").Get(ctx, path, places); err != nil {
		return err
	}
	for _, p := range places.GetPlaces() {
		if s.Unit(cast.Code(p.GetUnit())).Kind != "DISTRICT" {
			continue
		}
		at := slices.IndexFunc(status.GetChildren(), func(c *aggregationv1.Status_Child) bool { return c.GetUnit() == p.GetUnit() })
		if at < 0 {
			return fmt.Errorf("%s is ranked and has no status", p.GetUnit())
		}
		line := lineOf(p.GetDisplayName(), status.GetChildren()[at].GetFigures())
		line.Rank = p.GetRank()
		s.picture.City.Lines = append(s.picture.City.Lines, line)
		if err := s.compare(cast.Code(p.GetUnit()), "", line.Figures); err != nil {
			return err
		}
	}
	s.picture.Absent = s.Unit(s.Absent).DisplayName
	s.picture.Direct = picture.Direct(s.picture.Cities, s.picture.City.Lines)
	s.tellFresh(status)
	return nil
}

func (s *Story) tellFresh(status *aggregationv1.Status) {
	for _, f := range status.GetFreshness() {
		s.picture.Freshness = append(s.picture.Freshness, fmt.Sprintf("%s %d/%d", picture.Service(f.GetService()), f.GetCursor(), f.GetSize()))
	}
	s.picture.MissingTotal = status.GetMissing().GetTotal()
	owed := map[string]int{}
	for _, item := range status.GetMissing().GetItems() {
		unit, what := s.fullName(cast.Code(item.GetUnit())), "未上报任务"
		if strings.HasPrefix(item.GetSubject(), "ledgers/") {
			what = "未报备台账"
		}
		owed[unit+" "+what]++
	}
	for what, n := range owed {
		s.picture.Missing = append(s.picture.Missing, fmt.Sprintf("%s %d 项", what, n))
	}
	slices.Sort(s.picture.Missing)
	for _, r := range status.GetMissing().GetReports() {
		s.picture.Reports = append(s.picture.Reports, fmt.Sprintf("%s %s 月报", s.fullName(cast.Code(r.GetUnit())), r.GetPeriod()))
	}
}

// fullName is a unit's name after that of its district.
func (s *Story) fullName(code string) string {
	u := s.Unit(code)
	if above := s.Unit(u.Parent); above.Kind == "DISTRICT" || above.Kind == "SCHOOL" {
		return s.fullName(above.Code) + u.DisplayName
	}
	return strings.TrimSuffix(u.DisplayName, "（演示数据）")
}

// lookCategories reads the city by category.
func (s *Story) lookCategories(ctx context.Context) error {
	return s.byCategory(ctx, s.top, func(c *campaignv1.Category, f picture.Figures) {
		s.picture.Categories.Lines = append(s.picture.Categories.Lines, picture.Line{Name: c.GetName(), Figures: f})
	})
}

// byCategory reads a unit category by category, and compares each.
func (s *Story) byCategory(ctx context.Context, code string, see func(*campaignv1.Category, picture.Figures)) error {
	for _, c := range s.published.GetCategories() {
		status, err := s.status(ctx, code, "cut.campaign", campaign, "cut.category", c.GetCode())
		if err != nil {
			return err
		}
		f := figuresOf(status.GetFigures())
		if err := s.compare(code, c.GetCode(), f); err != nil {
			return err
		}
		see(c, f)
	}
	return nil
}

// lookDown reads the district with most problems by school, and its school with
// most of them by category; of every other district it compares the schools.
func (s *Story) lookDown(ctx context.Context) error {
	var most, worst *aggregationv1.Status_Child
	for _, u := range s.City.Units {
		if u.Kind != "DISTRICT" {
			continue
		}
		status, err := s.status(ctx, u.Code)
		if err != nil {
			return err
		}
		for _, c := range status.GetChildren() {
			f := figuresOf(c.GetFigures())
			if err := s.compare(cast.Code(c.GetUnit()), "", f); err != nil {
				return err
			}
			if s.Unit(cast.Code(c.GetUnit())).Kind == "SCHOOL" && s.Works(u.Code) && (most == nil || f["problems_found"] > figuresOf(most.GetFigures())["problems_found"]) {
				most = c
			}
		}
		if most != worst {
			worst = most
			s.picture.District = s.sheet(u, status)
		}
	}
	return s.lookSchool(ctx, cast.Code(worst.GetUnit()))
}

func (s *Story) sheet(u cast.Unit, status *aggregationv1.Status) picture.Sheet {
	sheet := picture.Sheet{Title: u.DisplayName, Unit: u.Name()}
	for _, c := range status.GetChildren() {
		if s.Unit(cast.Code(c.GetUnit())).Kind == "SCHOOL" {
			sheet.Lines = append(sheet.Lines, lineOf(c.GetDisplayName(), c.GetFigures()))
		}
	}
	sheet.All = figuresOf(status.GetFigures())
	sheet.Direct = picture.Direct(sheet.All, sheet.Lines)
	return sheet
}

func (s *Story) lookSchool(ctx context.Context, code string) error {
	s.picture.School.Title, s.picture.School.Unit = s.Unit(code).DisplayName, cast.Name(code)
	return s.byCategory(ctx, code, func(c *campaignv1.Category, f picture.Figures) {
		if f["problems_found"] > 0 {
			s.picture.School.Lines = append(s.picture.School.Lines, picture.Line{Name: c.GetTitle(), Figures: f})
		}
	})
}

// lookSeries reads what was closed month by month.
func (s *Story) lookSeries(ctx context.Context) error {
	series := &aggregationv1.StatusSeries{}
	path := stage.Query("/v1/"+cast.Name(s.top)+"/status:series", "metric", "metrics/problems_closed", "cut.startDate", "2026-02-01", "bucket", "BUCKET_MONTH")
	if err := s.By(s.top, "viewer").Get(ctx, path, series); err != nil {
		return err
	}
	sum := int64(0)
	for _, p := range series.GetPoints() {
		sum += p.GetFigure().GetValue()
		s.picture.Months = append(s.picture.Months, picture.Month{Name: strings.TrimPrefix(p.GetStartDate()[5:7], "0") + "月", Value: p.GetFigure().GetValue()})
	}
	s.picture.Compared++
	return stage.Same("problems closed in all months", sum, s.count().Of(s.top, "", "problems_closed"))
}

// lookGaps reads which reports of the absent district never came.
func (s *Story) lookGaps(ctx context.Context) error {
	list := &aggregationv1.ListReportSourcesResponse{}
	if err := s.By(s.top, "viewer").Get(ctx, "/v1/reportSources", list); err != nil {
		return err
	}
	for _, source := range list.GetReportSources() {
		for _, gap := range source.GetMissingSequences() {
			s.picture.Gaps = append(s.picture.Gaps, fmt.Sprintf("%s第%d号", s.fullName(cast.Code(source.GetUnit())), gap.GetFirst()))
		}
	}
	var want []string
	if s.Unit(s.Absent).Code != "" {
		want = []string{fmt.Sprintf("%s %s 月报", s.fullName(s.Absent), missingMonth)}
	}
	if !slices.Equal(s.picture.Reports, want) {
		return fmt.Errorf("reports that are owed: %v, want %v", s.picture.Reports, want)
	}
	return stage.Same("reports that never came", len(s.picture.Gaps), len(want))
}

// lookDues reads what the absent district owes: of the month that it never
// reported a report is owed, of the one after it none.
func (s *Story) lookDues(ctx context.Context) error {
	if s.Unit(s.Absent).Code == "" {
		return nil
	}
	for month, came := range map[string]bool{missingMonth: false, "2026-10": true} {
		dues := &aggregationv1.ListReportDuesResponse{}
		path := stage.Query("/v1/reportForms/ledger-monthly/dues", "unit", cast.Name(s.top), "period", month)
		if err := s.By(s.top, "viewer").Get(ctx, path, dues); err != nil {
			return err
		}
		if err := stage.Same("units that owe a report of "+month, len(dues.GetReportDues()), 1); err != nil {
			return err
		}
		due := dues.GetReportDues()[0]
		if due.GetName() != cast.Name(s.Absent) || (due.GetState() == aggregationv1.ReportDue_STATE_ACCEPTED) != came {
			return fmt.Errorf("of %s is owed: %v", month, due)
		}
		s.picture.Compared++
	}
	return nil
}
