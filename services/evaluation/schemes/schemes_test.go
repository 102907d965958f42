package schemes_test

import (
	"strings"
	"testing"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation/schemes"
)

func TestWhatShipsHolds(t *testing.T) {
	all, err := schemes.All()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range all {
		ids = append(ids, s.GetId())
	}
	if got := strings.Join(ids, " "); got != "conduct social special" {
		t.Errorf("schemes = %q", got)
	}
	satisfaction := all[0].GetScales()[0]
	if satisfaction.GetKind() != evaluationv1.Scale_KIND_SATISFACTION || satisfaction.GetOptions()[2].GetPoints() != 55 {
		t.Errorf("the scale of conduct = %v", satisfaction)
	}
}

// least is the smallest scheme that holds.
const least = `
id: least
version: "1"
display_name: {zh: 最小, en: Least}
scales: [{code: score, kind: SCORE, min: 0, max: 100}]
indicators: [{code: all, name: 总体, weight: 100, scale: score, from: BALLOT}]
groups: [{code: one, name: 一组, weight: 100}]
least_ballots: 2
unanswered: INCOMPLETE
rounding: {mode: HALF_UP, digits: 2}
ranking: {ranked: true, ties: SHARED}
publish: SUBJECTS
`

func TestMistakesAreFound(t *testing.T) {
	if _, err := schemes.Parse([]byte(least)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"unknown key", "publish: SUBJECTS", "publish: SUBJECTS\nblue: 1", "blue"},
		{"key within", "max: 100}", "max: 100, blue: 1}", "blue"},
		{"key twice", "publish: SUBJECTS", "publish: SUBJECTS\npublish: PUBLIC", "already defined"},
		{"unknown enum value", "kind: SCORE", "kind: GUESS", "KIND_GUESS"},
		{"indicators do not sum to 100", "weight: 100, scale", "weight: 99, scale", "sum to 99"},
		{"groups do not sum to 100", "一组, weight: 100", "一组, weight: 101", "sum to 101"},
		{"fraction of a percent", "一组, weight: 100", "一组, weight: 99.5", "99.5"},
		{"no such scale", "scale: score", "scale: other", `no scale "other"`},
		{"no such id", "id: least", "id: Least", "id"},
		{"rate for ballots", "kind: SCORE", "kind: RATE", "KIND_RATE"},
		{"code twice", "scales: [", "scales: [{code: score, kind: SCORE, min: 0, max: 9}, ", "twice"},
		{"nothing from ballots", "kind: SCORE, min: 0, max: 100}]\nindicators: [{code: all, name: 总体, weight: 100, scale: score, from: BALLOT}]", "kind: RATE, min: 0, max: 100}]\nindicators: [{code: all, name: 总体, weight: 100, scale: score, from: METRIC, metric: m}]", "nothing is from ballots"},
		{"too many digits", "digits: 2", "digits: 4", "digits 4"},
		{"what to do without answers", "unanswered: INCOMPLETE\n", "", "no unanswered"},
		{"satisfied with no option", "publish:", "satisfaction_rate: {numerator: [happy], denominator: VALID}\npublish:", "happy"},
		{"grades out of order", "publish:", "grades: [{code: low, name: 低, at_least: 0}, {code: high, name: 高, at_least: 90}]\npublish:", "order"},
		{"veto of no grade", "publish:", "vetoes: [{code: fire, name: 火灾, bars: [high]}]\npublish:", "bars"},
		{"trims everything", "publish:", "trim_percent: 50\npublish:", "trim_percent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(least, c.from, c.to, 1)
			if text == least {
				t.Fatal("the case changes nothing")
			}
			if _, err := schemes.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse = %v, want an error with %q", err, c.want)
			}
		})
	}
}
