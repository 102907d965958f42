package evaluation_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
	"github.com/duban-project/duban/services/evaluation/schemes"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/fault"
)

// day is the first instant of a date in Beijing.
func day(date string) time.Time {
	d, err := calendar.ParseDate(date)
	if err != nil {
		panic(err)
	}
	return d.Start()
}

// scheme returns a copy of a scheme that ships.
func scheme(t failer, id string) *evaluationv1.EvaluationScheme {
	t.Helper()
	all, err := schemes.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.GetId() == id {
			return s
		}
	}
	t.Fatalf("no scheme %s", id)
	return nil
}

// round returns a drafted round with so many units s1, s2 … and all groups.
func round(t failer, id string, subjects int, edit ...func(*evaluationv1.EvaluationScheme)) *evaluationv1.Round {
	t.Helper()
	s := scheme(t, id)
	for _, e := range edit {
		e(s)
	}
	if err := evaluation.CheckScheme(s); err != nil {
		t.Fatal(err)
	}
	asked := &evaluationv1.Round{Owner: "units/bureau", DisplayName: "评议", StartDate: "2026-03-01", EndDate: "2026-03-31"}
	for i := range subjects {
		asked.Subjects = append(asked.Subjects, fmt.Sprintf("units/s%d", i+1))
	}
	for _, g := range s.GetGroups() {
		asked.Groups = append(asked.Groups, &evaluationv1.RaterGroup{Code: g.GetCode(), Credentials: 500})
	}
	r, err := evaluation.NewRound("rounds/r", asked, s, func(unit string) evaluation.Place {
		return evaluation.Place{Path: []string{unit, "units/bureau"}, Active: true}
	}, day("2026-02-01"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// one makes a scheme have one indicator from ballots and one group.
func one(s *evaluationv1.EvaluationScheme) {
	s.Indicators = s.GetIndicators()[:1]
	s.Indicators[0].Weight = 100
	s.Groups = s.GetGroups()[:1]
	s.Groups[0].Weight = 100
}

// tallied counts so many ballots of each kind, which says one choice of every
// unit for each, and returns the round and its results.
func tallied(t *testing.T, r *evaluationv1.Round, vetoes []*evaluationv1.Veto, kinds ...kind) (*evaluationv1.Round, []*evaluationv1.Result) {
	t.Helper()
	r = proto.CloneOf(r)
	r.State = evaluationv1.Round_STATE_CLOSED
	count := evaluation.NewCount(r)
	for _, k := range kinds {
		for range k.n {
			if err := count.Add(&evaluationv1.BallotOpening{Group: k.group, Choices: k.choices}); err != nil {
				t.Fatal(err)
			}
			r.Groups[k.group].Cast++
		}
	}
	r, results, err := evaluation.Tally(r, count, evaluation.Beside{Vetoes: vetoes}, day("2026-04-01"))
	if err != nil {
		t.Fatal(err)
	}
	return r, results
}

type kind struct {
	n       int
	group   uint32
	choices []uint32 // 1 satisfied, 2 fairly, 3 unsatisfied, 0 unknown
}

// TestThePublishedFormula is the worked example of the source: 60, 30 and 10
// ballots at 100, 75 and 55, and 5 that do not know, give 88.0.
func TestThePublishedFormula(t *testing.T) {
	r := round(t, "conduct", 1, one)
	_, results := tallied(t, r, nil, kind{60, 0, []uint32{1}}, kind{30, 0, []uint32{2}}, kind{10, 0, []uint32{3}}, kind{5, 0, []uint32{0}})
	got := results[0]
	if got.GetComposite() != "88.00" || got.GetCompositeMilli() != 88000 {
		t.Errorf("composite = %s, %d; want 88.00", got.GetComposite(), got.GetCompositeMilli())
	}
	if got.GetSatisfactionRate() != "90.00" || got.GetSatisfactionRateMilli() != 90000 {
		t.Errorf("satisfaction = %s; want 90.00", got.GetSatisfactionRate())
	}
	if got.GetGrade() != "good" || got.GetRank() != 1 || got.GetBallots() != 100 {
		t.Errorf("grade %s, rank %d, ballots %d; want good, 1, 100", got.GetGrade(), got.GetRank(), got.GetBallots())
	}
}

func TestSatisfactionGoesByTheDenominatorOfTheScheme(t *testing.T) {
	r := round(t, "conduct", 1, one, func(s *evaluationv1.EvaluationScheme) {
		s.SatisfactionRate.Denominator = evaluationv1.SatisfactionRate_DENOMINATOR_CAST
	})
	_, results := tallied(t, r, nil, kind{6, 0, []uint32{1}}, kind{2, 0, []uint32{3}}, kind{2, 0, []uint32{0}})
	if got := results[0].GetSatisfactionRate(); got != "60.00" {
		t.Errorf("of all cast = %s, want 60.00", got)
	}
}

func TestTrimmingLeavesOutBothEnds(t *testing.T) {
	r := round(t, "conduct", 1, one, func(s *evaluationv1.EvaluationScheme) { s.TrimPercent = 10 })
	// Of 19 valid answers 1 is left out at either end: 4×100, 10×75, 3×55.
	_, results := tallied(t, r, nil, kind{5, 0, []uint32{1}}, kind{10, 0, []uint32{2}}, kind{4, 0, []uint32{3}}, kind{3, 0, []uint32{0}})
	if got := results[0].GetComposite(); got != "77.35" {
		t.Errorf("trimmed = %s, want 77.35", got)
	}
}

func TestEqualCompositesShareTheirRank(t *testing.T) {
	r := round(t, "conduct", 5, one)
	_, results := tallied(t, r, nil, kind{6, 0, []uint32{3, 1, 2, 2, 0}})
	var ranks []int32
	for _, result := range results {
		ranks = append(ranks, result.GetRank())
	}
	if want := []int32{4, 1, 2, 2, 0}; !slices.Equal(ranks, want) {
		t.Errorf("ranks = %v, want %v", ranks, want)
	}
	if got := results[4]; got.GetOutcome() != evaluationv1.Result_OUTCOME_INCOMPLETE || got.GetComposite() != "" {
		t.Errorf("the unit that nobody knows = %v", got)
	}
}

func TestGradesByThresholdAndVeto(t *testing.T) {
	for _, c := range []struct {
		satisfied, fairly int
		veto              string
		composite, grade  string
	}{
		{10, 0, "", "100.00", "excellent"},
		{6, 4, "", "90.00", "excellent"},
		{599, 401, "", "89.98", "good"},
		{10, 0, "accident", "100.00", "pass"},
		{0, 10, "accident", "75.00", "pass"},
	} {
		r := round(t, "conduct", 1, one)
		var vetoes []*evaluationv1.Veto
		if c.veto != "" {
			vetoes = append(vetoes, &evaluationv1.Veto{Subject: "units/s1", Code: c.veto, Document: "教办〔2026〕1号"})
		}
		_, results := tallied(t, r, vetoes, kind{c.satisfied, 0, []uint32{1}}, kind{c.fairly, 0, []uint32{2}})
		if got := results[0]; got.GetComposite() != c.composite || got.GetGrade() != c.grade || len(got.GetVetoes()) != len(vetoes) {
			t.Errorf("%d satisfied, %d fairly, veto %q: %s, %s; want %s, %s", c.satisfied, c.fairly, c.veto, got.GetComposite(), got.GetGrade(), c.composite, c.grade)
		}
	}
}

func TestAGroupWithoutAnswers(t *testing.T) {
	five := func(choice uint32) []uint32 { return slices.Repeat([]uint32{choice}, 5) }
	votes := []kind{{10, 0, five(1)}, {10, 2, five(2)}, {10, 1, five(0)}}
	_, results := tallied(t, round(t, "conduct", 1), nil, votes...)
	// 50 at 100 and 25 at 75 share the weight of the group that does not know.
	if got := results[0]; got.GetComposite() != "91.67" || !got.GetRedistributed() || got.GetGroups()[1].GetMean() != "" {
		t.Errorf("redistributed: %v", got)
	}
	strict := round(t, "conduct", 1, func(s *evaluationv1.EvaluationScheme) {
		s.Unanswered = evaluationv1.EvaluationScheme_UNANSWERED_INCOMPLETE
	})
	_, results = tallied(t, strict, nil, votes...)
	if got := results[0]; got.GetOutcome() != evaluationv1.Result_OUTCOME_INCOMPLETE || got.GetComposite() != "" || got.GetRank() != 0 || got.GetGroups()[0].GetMean() != "100.00" {
		t.Errorf("incomplete: %v", got)
	}
}

func TestFewBallotsAreHiddenAndWhatGivesThemAway(t *testing.T) {
	five := func(choice uint32) []uint32 { return slices.Repeat([]uint32{choice}, 5) }
	_, results := tallied(t, round(t, "conduct", 1), nil, kind{20, 0, five(1)}, kind{3, 1, five(3)}, kind{8, 2, five(2)})
	got := results[0]
	var hidden []bool
	for _, g := range got.GetGroups() {
		hidden = append(hidden, g.GetSuppressed())
		if g.GetSuppressed() && (g.GetMean() != "" || g.MeanMilli != nil || g.GetBallots() != 0) {
			t.Errorf("a suppressed group shows %v", g)
		}
	}
	if !slices.Equal(hidden, []bool{false, true, true}) || got.GetComposite() == "" {
		t.Errorf("hidden = %v, composite %q; want the small group and the next smallest hidden", hidden, got.GetComposite())
	}
	r, results := tallied(t, round(t, "conduct", 1), nil, kind{3, 0, five(1)}, kind{1, 1, five(1)})
	got = results[0]
	bare := &evaluationv1.Result{
		Name: got.Name, Round: got.Round, Unit: got.Unit, Scheme: got.Scheme, SchemeVersion: got.SchemeVersion,
		Outcome: evaluationv1.Result_OUTCOME_SUPPRESSED, CredentialStrength: evaluation.Strength, CredentialNotice: got.CredentialNotice,
		Groups: []*evaluationv1.GroupResult{{Code: "served", Weight: 50, Suppressed: true}, {Code: "monitors", Weight: 25, Suppressed: true}, {Code: "society", Weight: 25}},
	}
	if !proto.Equal(got, bare) || r.GetAverage() != "" {
		t.Errorf("a suppressed result shows more than that it is: %v", got)
	}
}

// TestSmallGroupsCountAsOne: of two groups that are too few to stand alone it cannot
// be told who said what, by no figure and no number of them.
func TestSmallGroupsCountAsOne(t *testing.T) {
	five := func(choice uint32) []uint32 { return slices.Repeat([]uint32{choice}, 5) }
	served := kind{7, 0, five(1)}
	_, apart := tallied(t, round(t, "conduct", 1), nil, served, kind{4, 1, five(3)}, kind{2, 2, five(1)})
	_, mixed := tallied(t, round(t, "conduct", 1), nil, served, kind{2, 1, five(3)}, kind{2, 1, five(1)}, kind{2, 2, five(3)})
	// Half by 7 at 100, half by 4 at 55 and 2 at 100.
	if got := apart[0]; got.GetComposite() != "85.00" || got.GetSatisfactionRate() != "69.23" || got.GetGrade() != "good" {
		t.Errorf("composite %s, satisfied %s, %s; want 85.00, 69.23, good", got.GetComposite(), got.GetSatisfactionRate(), got.GetGrade())
	}
	if diff := gocmp.Diff(apart, mixed, protocmp.Transform()); diff != "" {
		t.Errorf("who of the few said what makes a difference:\n%s", diff)
	}
}

func TestMeasuresArePartOfTheComposite(t *testing.T) {
	r := round(t, "special", 1)
	r.State = evaluationv1.Round_STATE_CLOSED
	r.Groups[0].Cast = 2
	count := evaluation.NewCount(r)
	for _, score := range []uint32{80, 90} {
		if err := count.Add(&evaluationv1.BallotOpening{Choices: slices.Repeat([]uint32{1000*score + 1}, 3)}); err != nil {
			t.Fatal(err)
		}
	}
	beside := evaluation.Beside{Measures: []*evaluationv1.Measure{{Subject: "units/s1", Indicator: "tasks", Value: "100", Basis: "演示〔2026〕1 号"}}}
	asked := evaluation.ToRead(r)
	if len(asked) != 1 || asked[0].GetMetric() != "metrics/problems_closing_rate" || asked[0].GetIndicator() != "closing" {
		t.Fatalf("what is read is %v", asked)
	}
	beside.Figures = []*evaluationv1.Measure{evaluation.Read(asked[0], 151, 200)}
	_, results, err := evaluation.Tally(r, count, beside, day("2026-04-01"))
	if err != nil {
		t.Fatal(err)
	}
	if m := results[0].GetMeasures()[1]; m.GetValue() != "75.5" || m.GetNumerator() != 151 || m.GetDenominator() != 200 {
		t.Errorf("the figure read is kept as %v", m)
	}
	for what, m := range map[string]*evaluationv1.Measure{"without a basis": {Subject: "units/s1", Indicator: "tasks", Value: "100"}, "nothing": nil} {
		wrong := beside
		wrong.Measures = []*evaluationv1.Measure{m}
		if _, _, err := evaluation.Tally(r, count, wrong, day("2026-04-01")); reasonOf(err) != "ROUND_MEASURE_INVALID" {
			t.Errorf("entered %s: %v", what, err)
		}
	}
	typed := beside
	typed.Measures = append(typed.Measures, &evaluationv1.Measure{Subject: "units/s1", Indicator: "closing", Value: "100", Basis: "无"})
	if _, _, err := evaluation.Tally(r, count, typed, day("2026-04-01")); reasonOf(err) != "ROUND_MEASURE_INVALID" || fault.As(err).Fields[0].Path != "measures[1]" {
		t.Errorf("what is read is entered: %v, want it refused at measures[1]", err)
	}
	for what, of := range map[string][2]int64{"of nothing": {0, 0}, "above one": {3, 2}} {
		beside.Figures = []*evaluationv1.Measure{evaluation.Read(asked[0], of[0], of[1])}
		_, none, err := evaluation.Tally(r, count, beside, day("2026-04-01"))
		if err != nil || none[0].GetOutcome() != evaluationv1.Result_OUTCOME_INCOMPLETE || none[0].GetMeasures()[1].GetValue() != "" {
			t.Errorf("a share %s: %v, %v", what, none, err)
		}
	}
	if got := results[0]; got.GetComposite() != "86.10" || got.GetGroups()[0].GetMean() != "85.00" { // 0.6×85 + 0.2×100 + 0.2×75.5
		t.Errorf("composite = %s, mean %s; want 86.10 and 85.00", got.GetComposite(), got.GetGroups()[0].GetMean())
	}
}

func TestChoices(t *testing.T) {
	r := round(t, "special", 1)
	sheet := evaluation.NewSheet(r)
	score := func(indicator, value string) *evaluationv1.Answer {
		return &evaluationv1.Answer{Subject: "units/s1", Indicator: indicator, Value: &evaluationv1.Answer_Score{Score: value}}
	}
	unknown := &evaluationv1.Answer{Subject: "units/s1", Indicator: "effect", Value: &evaluationv1.Answer_NotKnown{NotKnown: true}}
	got, err := sheet.Choices([]*evaluationv1.Answer{unknown, score("carry", "87.125"), score("deploy", "0")})
	if want := []uint32{1, 87126, 0}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Choices = %v, %v; want %v", got, err, want)
	}
	option := &evaluationv1.Answer{Subject: "units/s1", Indicator: "effect", Value: &evaluationv1.Answer_Option{Option: "satisfied"}}
	for name, answers := range map[string][]*evaluationv1.Answer{
		"missing":       {score("carry", "1"), score("deploy", "1")},
		"twice":         {score("carry", "1"), score("carry", "1"), score("deploy", "1"), unknown},
		"another unit":  {score("carry", "1"), score("deploy", "1"), unknown, {Subject: "units/s2", Indicator: "carry", Value: unknown.Value}},
		"a metric":      {score("carry", "1"), score("deploy", "1"), unknown, score("tasks", "1")},
		"an option":     {score("carry", "1"), score("deploy", "1"), option},
		"above the max": {score("carry", "100.001"), score("deploy", "1"), unknown},
		"nothing said":  {score("carry", "1"), score("deploy", "1"), {Subject: "units/s1", Indicator: "effect"}},
	} {
		if _, err := sheet.Choices(answers); gocmp.Diff(reasonOf(err), "BALLOT_INVALID") != "" {
			t.Errorf("%s: %v, want BALLOT_INVALID", name, err)
		}
	}
}

// TestWhatABallotLacksHasAName, which voters read.
func TestWhatABallotLacksHasAName(t *testing.T) {
	r := round(t, "special", 2)
	_, err := evaluation.NewSheet(r).Choices(nil)
	if zh, _ := fault.As(err).Whole(); !strings.HasSuffix(zh, "（缺少对第 1 个被评单位的“部署到位”）") {
		t.Errorf("an empty ballot: %s", zh)
	}
}

func TestADamagedBallotIsNotCounted(t *testing.T) {
	r := round(t, "conduct", 1)
	for name, b := range map[string]*evaluationv1.BallotOpening{
		"no such group":  {Group: 3, Choices: []uint32{1, 1, 1, 1, 1}},
		"too short":      {Choices: []uint32{1, 1, 1, 1}},
		"no such option": {Choices: []uint32{1, 1, 1, 1, 5}},
		"excluded":       {Choices: []uint32{1, 1, 1, 1, 4}},
	} {
		if err := evaluation.NewCount(r).Add(b); err == nil {
			t.Errorf("%s: counted", name)
		}
	}
	r.State = evaluationv1.Round_STATE_CLOSED
	r.Groups[0].Cast = 1
	if _, _, err := evaluation.Tally(r, evaluation.NewCount(r), evaluation.Beside{}, day("2026-04-01")); err == nil || !strings.Contains(err.Error(), "cast 1") {
		t.Errorf("a ballot that is missing from the box: %v", err)
	}
}

func reasonOf(err error) string {
	return cmp.Or(asFault(err).Reason, "none")
}

// failer is what tests and properties have in common.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}
