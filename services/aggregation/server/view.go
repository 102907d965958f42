package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/dues"
	"github.com/duban-project/duban/services/aggregation/figures"
	"github.com/duban-project/duban/services/aggregation/figures/cursors"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// fresh is how old what was heard of a feed may be.
const fresh = 30 * time.Second

// view is one reading of figures.
type view struct {
	*Service
	tx          *change.Tx
	query       figures.Query
	at          time.Time // as of when; the zero time: now
	tree        aggregationv1.Tree
	level       organizationv1.Unit_Kind // of the units beneath; none: those directly beneath
	pasts       map[section]*figures.Past
	joins       map[string][]string // by campaign, those that count with it
	freshness   []*aggregationv1.Freshness
	provisional map[string]bool           // the services whose feeds are not current
	reports     map[string]bool           // by its end, whether anybody reports
	late        func() (dues.Late, error) // the reports that are missing
}

// section is which part of a unit's figures is read.
type section struct{ campaign, category, source string }

// question is a request for figures.
type question interface {
	GetName() string
	GetCut() *aggregationv1.Cut
}

// look lets read look at a unit's figures, if the caller may see them. A campaign
// is unknown only once all campaigns are heard of.
func (s *Service) look(ctx context.Context, asked question, read func(*view) error) error {
	err := s.glance(ctx, asked, read)
	if errors.Is(err, aggregation.ErrCampaignUnknown) && s.heard(ctx) {
		err = s.glance(ctx, asked, read)
	}
	return err
}

func (s *Service) glance(ctx context.Context, asked question, read func(*view) error) error {
	return s.book.View(ctx, func(tx *change.Tx) error {
		v, err := s.open(tx, asked.GetName(), asked.GetCut())
		if err != nil {
			return err
		}
		if leveled, ok := asked.(interface {
			GetLevel() organizationv1.Unit_Kind
		}); ok {
			v.level = leveled.GetLevel()
		}
		return read(v)
	})
}

func (s *Service) open(tx *change.Tx, unit string, cut *aggregationv1.Cut) (*view, error) {
	if err := tx.Check(unit); err != nil {
		return nil, err
	}
	if s.directory.Unit(unit) == nil {
		return nil, authz.ErrNotFound
	}
	v := &view{Service: s, tx: tx, tree: treeOf(cut), provisional: map[string]bool{}, reports: map[string]bool{}, pasts: map[section]*figures.Past{}, joins: map[string][]string{}}
	at, err := aggregation.Moment(cut, tx.Now)
	if err != nil {
		return nil, err
	}
	today := s.book.Today()
	if !at.IsZero() {
		v.at, today = at, calendar.On(at).String()
	}
	start, end, err := aggregation.Period(cut, today)
	if err != nil {
		return nil, err
	}
	source, err := aggregation.SourceOf(cut)
	if err != nil {
		return nil, err
	}
	v.query = figures.Query{
		Unit: unit, Campaign: cut.GetCampaign(), Category: cut.GetCategory(), Source: source,
		Start: start, End: end, Today: today, Beneath: cut.GetIncludeUnaccepted() && v.inside(unit),
	}
	v.query.Own = v.query.Beneath || holdsOn(tx, unit)
	v.late = sync.OnceValues(func() (dues.Late, error) { return v.Missing(tx, v.place()) })
	return v, errors.Join(v.knows(cut), v.readFreshness())
}

// moment is that as of which the figures are.
func (v *view) moment() time.Time {
	if v.at.IsZero() {
		return v.tx.Now
	}
	return v.at
}

// treeOf is the tree that a cut asks for: as it was, if it does not say.
func treeOf(cut *aggregationv1.Cut) aggregationv1.Tree {
	return max(cut.GetTreeAsOf(), aggregationv1.Tree_TREE_THEN)
}

// inside says whether the caller may know more of the unit than portals do: what is
// not accepted, who owes what, targets.
func (v *view) inside(unit string) bool { return v.tx.Access.Inside(unit) }

// holdsOn says whether the caller holds a grant on exactly the unit: then it is
// the caller's own. A portal's grant makes nothing its own.
func holdsOn(tx *change.Tx, unit string) bool {
	return slices.ContainsFunc(tx.Access.Grants(), func(g authz.Grant) bool {
		return g.Unit == unit && g.Role != accessv1.Role_ROLE_PORTAL
	})
}

// readFreshness says of each feed how much of it is counted.
func (v *view) readFreshness() error {
	for _, f := range v.followers {
		cursor, err := cursors.Read(v.tx, f.Feed)
		if err != nil {
			return err
		}
		size, heard, lost := f.seen()
		part := &aggregationv1.Freshness{Service: f.service, Size: max(size, cursor.Next), Cursor: v.known(f.Feed, cursor), Lost: lost}
		if lost {
			part.Size = size
		}
		if cursor.Next > 0 {
			part.NewestAt, part.NewestEffective = timestamppb.New(cursor.At), timestamppb.New(cursor.Effective)
		}
		if !heard.IsZero() {
			ago := max(v.book.Clock().Sub(heard), 0)
			part.HeardAgo, part.Current = durationpb.New(ago), !lost && part.Size == part.Cursor && ago <= fresh
		}
		v.freshness = append(v.freshness, v.then(part))
		v.provisional[f.service] = !part.Current
	}
	return v.readBelow()
}

// then is of how fresh a part is what holds of the view's moment.
func (v *view) then(f *aggregationv1.Freshness) *aggregationv1.Freshness {
	if v.at.IsZero() {
		return f
	}
	part := &aggregationv1.Freshness{Service: f.GetService(), Installation: f.GetInstallation(), Unit: f.GetUnit(), Current: f.GetCurrent(), Lost: f.GetLost()}
	if newest := f.GetNewestEffective(); newest != nil && !newest.AsTime().After(v.at) {
		part.NewestEffective = newest
	}
	return part
}

// known is how many entries of a feed are counted and, if it tells of the tree, known
// to the directory, by which units are listed: it may be behind the figures.
func (v *view) known(feed string, counted cursors.Cursor) uint64 {
	if feed == count.Organization {
		return min(counted.Next, v.directory.Position())
	}
	return counted.Next
}

// figures are those of the unit that the query names.
func (v *view) figures(q figures.Query, wanted ...aggregation.Definition) ([]*aggregationv1.Figure, error) {
	sums, untold := aggregation.Sums(wanted...), reports.Untold(divided(q)...)
	if slices.ContainsFunc(wanted, func(d aggregation.Definition) bool { return untold.Has(d.Metric) }) {
		sums |= reporting
	}
	values, err := v.read(&q, sums)
	if err == nil && sums.Has(aggregation.UnitsReporting) {
		values[aggregation.UnitsReporting], err = v.reporting(q, values)
	}
	if err != nil {
		return nil, err
	}
	since, err := v.sinceEver(q, wanted, values)
	if err != nil {
		return nil, err
	}
	list := make([]*aggregationv1.Figure, len(wanted))
	for i, d := range wanted {
		from := &values
		if d.Ratio() {
			from = &since
		}
		list[i] = aggregation.FigureOf(&d, func(m aggregation.Metric) int64 { return from[m] })
		list[i].Provisional = v.provisional[d.Service]
		list[i].Partial = values[aggregation.UnitsReporting] > 0 && untold.Has(d.Metric)
	}
	return list, v.fillLatest(q, wanted, list)
}

// sinceEver are the values of what wanted divides, of all that came until the end: what is
// closed in a period was found before it. Those of q are values.
func (v *view) sinceEver(q figures.Query, wanted []aggregation.Definition, values figures.Values) (figures.Values, error) {
	var ratios []aggregation.Definition
	for _, d := range wanted {
		if d.Ratio() {
			ratios = append(ratios, d)
		}
	}
	if q.Start == "" || len(ratios) == 0 {
		return values, nil
	}
	q.Start = ""
	return v.read(&q, aggregation.Sums(ratios...))
}

// read reads sums as of the view's moment, by its tree.
func (v *view) read(q *figures.Query, wanted aggregation.Set) (values figures.Values, err error) {
	if q.Joined, err = v.joined(q.Campaign); err != nil {
		return values, err
	}
	if q.AsOf, err = v.pastOf(*q); err != nil {
		return values, err
	}
	if v.tree == aggregationv1.Tree_TREE_NOW {
		return figures.ReadGrouped(v.tx, *q, v.directory.Whole(q.Unit), wanted)
	}
	return figures.Read(v.tx, *q, wanted)
}

// pastOf is the past of the query's cut as of the view's moment; nil if that is now.
func (v *view) pastOf(q figures.Query) (past *figures.Past, err error) {
	of := section{q.Campaign, q.Category, q.Source}
	if past = v.pasts[of]; past != nil || v.at.IsZero() {
		return past, nil
	}
	past, err = figures.NewPast(v.tx, v.at, q)
	v.pasts[of] = past
	return past, err
}

// fillLatest fills in the newest values, if some are wanted.
func (v *view) fillLatest(q figures.Query, wanted []aggregation.Definition, list []*aggregationv1.Figure) error {
	isLatest := func(d aggregation.Definition) bool { return d.Latest() }
	if !slices.ContainsFunc(wanted, isLatest) {
		return nil
	}
	latest, err := v.latest(q)
	if err != nil || latest == nil {
		return err
	}
	for i, d := range wanted {
		if d.Latest() {
			list[i].Value, list[i].Origin = latest.Value(d.Metric), latest.Origin
		}
	}
	return nil
}

func (v *view) latest(q figures.Query) (*figures.Latest, error) {
	if q.AsOf != nil {
		return q.AsOf.Latest(q.Unit, q.End)
	}
	return figures.ReadLatest(v.tx, q.Unit, q.End)
}

// past says whether units are by the tree of a past moment.
func (v *view) past() bool { return !v.at.IsZero() && v.tree == aggregationv1.Tree_TREE_THEN }

// units are those beneath the one asked for, by the view's tree, moment and level,
// in the order of their names.
func (v *view) units() (names []string) {
	past := v.past()
	directly := v.level == organizationv1.Unit_KIND_UNSPECIFIED
	if directly && !past {
		return v.directory.Children(v.query.Unit)
	}
	for _, u := range v.subtree(past) {
		if u.GetName() != v.query.Unit && (directly && u.GetParent() == v.query.Unit || !directly && u.GetKind() == v.level) {
			names = append(names, u.GetName())
		}
	}
	slices.Sort(names)
	return names
}

// subtree is the unit asked for and all beneath it, now or as they were.
func (v *view) subtree(past bool) (units []*organizationv1.Unit) {
	if !past {
		for _, name := range v.directory.Whole(v.query.Unit) {
			units = append(units, v.directory.Unit(name))
		}
		return units
	}
	for _, name := range v.directory.SubtreeAt(v.query.Unit, v.at) {
		units = append(units, v.directory.UnitAt(name, v.at))
	}
	return units
}

// gone says whether the unit was archived or merged by the end of a day, as is known at
// the view's moment.
func (v *view) gone(unit, day string) bool {
	date, err := calendar.ParseDate(day)
	if err != nil {
		return false // every day of a view was read as one
	}
	at := v.moment()
	if end := date.End().Add(-1); end.Before(at) {
		at = end
	}
	state := v.directory.UnitAt(unit, at).GetState()
	return state == organizationv1.Unit_STATE_ARCHIVED || state == organizationv1.Unit_STATE_MERGED
}

// beneath is the query for a unit beneath the one asked for: its own is nobody's
// here.
func (v *view) beneath(unit string) figures.Query {
	q := v.query
	q.Unit, q.Own = unit, q.Beneath
	return q
}
