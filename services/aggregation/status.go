package aggregation

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// Period returns the first and the last day that a cut asks for, on day today.
// No first day is the beginning; the last is today at most.
func Period(c *aggregationv1.Cut, today string) (start, end string, err error) {
	if c.GetCategory() != "" && c.GetCampaign() == "" {
		return "", "", ErrCategoryAlone.At("cut.category", "须同时指明活动", "needs its campaign")
	}
	start, end = c.GetStartDate(), c.GetEndDate()
	if end == "" || end > today {
		end = today
	}
	if start > end {
		return "", "", ErrPeriodEmpty.At("cut.start_date", "晚于截止日期", "comes after the end")
	}
	return start, end, nil
}

// Moment returns the moment as of which a cut asks for figures, or the zero time if it
// asks for those of now.
func Moment(c *aggregationv1.Cut, now time.Time) (time.Time, error) {
	switch at := c.GetAsOf(); {
	case at == nil:
		return time.Time{}, nil
	case at.AsTime().IsZero():
		return time.Time{}, ErrMomentFuture.At("cut.as_of", "是零值", "is the zero time")
	case at.AsTime().After(now):
		return time.Time{}, ErrMomentFuture.At("cut.as_of", "晚于现在", "is yet to come")
	default:
		return at.AsTime(), nil
	}
}

// SourceOf returns the source of problems (问题来源) that a cut asks for as figures have it,
// without the enum's prefix, with which it may be given too; "" if it asks for none. One that
// there is not is refused.
func SourceOf(c *aggregationv1.Cut) (string, error) {
	if c.GetSource() == "" {
		return "", nil
	}
	var all []string
	for number := range rectificationv1.Problem_Source_name {
		if name := source(rectificationv1.Problem_Source(number)); name != "" {
			all = append(all, name)
		}
	}
	if name := strings.TrimPrefix(c.GetSource(), sourcePrefix); slices.Contains(all, name) {
		return name, nil
	}
	slices.Sort(all)
	return "", ErrSourceUnknown.Say("sources", strings.Join(all, "、"), strings.Join(all, ", ")).At("cut.source", "没有这个问题来源", "there is no such source")
}

// FigureOf returns the figure of a metric from the values of all. A latest value
// is not among them.
func FigureOf(d *Definition, value func(Metric) int64) *aggregationv1.Figure {
	f := &aggregationv1.Figure{Metric: d.Name()}
	if d.Kind != ratio {
		f.Value = value(d.Metric)
		return f
	}
	f.Numerator, f.Denominator = value(d.Over), value(d.By)
	if f.Denominator > 0 {
		f.Value = Share(f.Numerator, f.Denominator)
	}
	return f
}

// Unknown says that 0 is not none: there are units of which only reports tell, and of
// this they tell nothing.
func Unknown(f *aggregationv1.Figure) bool { return f.GetPartial() && f.GetValue() == 0 }

// Ranked says whether a unit can be ranked by the figure: it must have a value, and what
// is unknown ranks nobody.
func Ranked(d *Definition, f *aggregationv1.Figure) bool { return valued(d, f) && !Unknown(f) }

// valued says whether a figure has a value to be ranked by: a ratio needs a denominator,
// and is of a part of it (more that was closed than found is a fault of who told it), and
// a latest value must be there.
func valued(d *Definition, f *aggregationv1.Figure) bool {
	switch d.Kind {
	case ratio:
		return f.GetDenominator() > 0 && f.GetNumerator() <= f.GetDenominator()
	case latest:
		return f.GetOrigin() != ""
	default:
		return true
	}
}

// Absent says whether a figure is a latest value, such as a score, that there is
// none of: 0 would be a score.
func Absent(f *aggregationv1.Figure) bool {
	d, err := Find(f.GetMetric())
	return err == nil && d.Latest() && f.GetOrigin() == ""
}

// Blank says whether a figure needs no place in a row: it is none, or 0 that is known. A
// score of 0 was published.
func Blank(f *aggregationv1.Figure) bool {
	return f.GetValue() == 0 && f.GetDenominator() == 0 && f.GetOrigin() == "" && !f.GetPartial()
}

// Compared is how many units are ranked among each other at most.
const Compared = 2000

// Comparable refuses to rank more than Compared units.
func Comparable(units int) error {
	if units > Compared {
		return ErrTooManyCompared.With("limit", strconv.Itoa(Compared))
	}
	return nil
}

// Rank orders places by class, then by how good their figures are, then by unit,
// and gives each its rank (名次): equals share the better one, and who is gone or cannot
// be ranked has none and stands last in its class.
func Rank(d *Definition, places []*aggregationv1.CompareStatusResponse_Place) {
	slices.SortFunc(places, d.order)
	first := 0
	for i, p := range places {
		if i > 0 && p.GetClass() != places[i-1].GetClass() {
			first = i
		}
		p.Unranked = why(d, p)
		switch {
		case p.GetUnranked() != ranked:
			p.Rank = 0
		case i > first && d.better(places[i-1], p) == 0:
			p.Rank = places[i-1].GetRank()
		default:
			p.Rank = int32(i - first + 1)
		}
	}
}

// Behind returns those of ranked places that come behind one of before, which
// need not be among them any more. While no figure changes, what comes behind
// each page's last place is every place once.
func Behind(d *Definition, places []*aggregationv1.CompareStatusResponse_Place, last *aggregationv1.CompareStatusResponse_Place) []*aggregationv1.CompareStatusResponse_Place {
	at, found := slices.BinarySearchFunc(places, last, d.order)
	if found {
		at++
	}
	return places[at:]
}

// order compares places as they stand in a ranking. No two units are equal.
func (d *Definition) order(a, b *aggregationv1.CompareStatusResponse_Place) int {
	return cmp.Or(cmp.Compare(a.GetClass(), b.GetClass()), d.better(a, b), cmp.Compare(a.GetUnit(), b.GetUnit()))
}

// better is negative if a has the better figure.
func (d *Definition) better(a, b *aggregationv1.CompareStatusResponse_Place) int {
	if why(d, a) != ranked || why(d, b) != ranked {
		return cmp.Compare(min(why(d, a), 1), min(why(d, b), 1))
	}
	if d.Better == less {
		return compareFigures(a.GetFigure(), b.GetFigure())
	}
	return compareFigures(b.GetFigure(), a.GetFigure())
}

const ranked = aggregationv1.CompareStatusResponse_Place_UNRANKED_UNSPECIFIED

// why says why a unit has no rank (不排名原因), if it has none.
func why(d *Definition, p *aggregationv1.CompareStatusResponse_Place) aggregationv1.CompareStatusResponse_Place_Unranked {
	switch f := p.GetFigure(); {
	case p.GetGone():
		return aggregationv1.CompareStatusResponse_Place_UNRANKED_GONE
	case d.Kind == ratio && f.GetDenominator() > 0 && !valued(d, f):
		return aggregationv1.CompareStatusResponse_Place_UNRANKED_WRONG
	case !valued(d, f):
		return aggregationv1.CompareStatusResponse_Place_UNRANKED_NONE
	case Unknown(f):
		return aggregationv1.CompareStatusResponse_Place_UNRANKED_UNKNOWN
	default:
		return ranked
	}
}

// compareFigures compares ratios exactly, not by their rounded thousandths.
func compareFigures(a, b *aggregationv1.Figure) int {
	if a.GetDenominator() > 0 && b.GetDenominator() > 0 {
		left, right := product(a.GetNumerator(), b.GetDenominator()), product(b.GetNumerator(), a.GetDenominator())
		return cmp.Or(cmp.Compare(left[0], right[0]), cmp.Compare(left[1], right[1]))
	}
	return cmp.Compare(a.GetValue(), b.GetValue())
}

// product is that of two sums, neither of which is below 0, in 128 bits, the upper ones first.
func product(a, b int64) [2]uint64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	return [2]uint64{high, low}
}

// Stretch is the first and the last day of a point.
type Stretch struct{ Start, End string }

// Stretches parts the days from start to end into days or months, the first and
// the last of which may be cut short: as many as a series of the metric may have.
func (d *Definition) Stretches(start, end string, bucket aggregationv1.GetStatusSeriesRequest_Bucket) (all []Stretch, err error) {
	tooLong := ErrSeriesTooLong.With("limit", strconv.Itoa(d.Points())).At("cut.start_date", "缺少起始日期或序列过长", "is missing, or the series is too long")
	if start == "" {
		return nil, tooLong
	}
	for start <= end {
		if len(all) == d.Points() {
			return nil, tooLong
		}
		last := start
		if bucket != aggregationv1.GetStatusSeriesRequest_BUCKET_DAY {
			last = min(LastDay(start[:len("2006-01")]), end)
		}
		all = append(all, Stretch{start, last})
		day, err := calendar.ParseDate(last)
		if err != nil {
			return nil, err
		}
		if start = day.AddDays(1).String(); start == last {
			break
		}
	}
	return all, nil
}

// LastDay returns the last day of a month YYYY-MM, which MUST be one.
func LastDay(month string) string {
	t, _ := time.Parse("2006-01", month)
	return t.AddDate(0, 1, -1).Format(time.DateOnly)
}

// Share is a part of a whole in thousandths, to the nearest, but 1000 only of all of it: a
// whole of which one in ten thousand lacks is none.
func Share(part, whole int64) int64 {
	nearest := (2000*part + whole) / (2 * whole)
	if part < whole {
		return min(nearest, 999)
	}
	return nearest
}
