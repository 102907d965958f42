package evaluation_test

import (
	"cmp"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/evaluation"
)

// TestWhatStandsInTheWayOfARound: what was opened by the same owner and scheme for one
// of its units fewer than 30 days away, and can show anything.
func TestWhatStandsInTheWayOfARound(t *testing.T) {
	r := round(t, "conduct", 2) // 2026-03-01 to 2026-03-31
	heirs := map[string]string{"units/former": r.GetOwner(), "units/s0": "units/s2"}
	heir := func(unit string) string { return cmp.Or(heirs[unit], unit) }
	closed := func(date string, cast int32) func(*evaluationv1.Round) {
		return func(o *evaluationv1.Round) { o.CloseTime, o.Groups[1].Cast = timestamppb.New(day(date)), cast }
	}
	for name, c := range map[string]struct {
		set  func(*evaluationv1.Round)
		want string
	}{
		"at the same time":       {func(*evaluationv1.Round) {}, "2026-04-30"},
		"itself":                 {func(o *evaluationv1.Round) { o.Name = r.GetName() }, ""},
		"a draft":                {func(o *evaluationv1.Round) { o.OpenTime = nil }, ""},
		"a voided one":           {func(o *evaluationv1.Round) { o.State = evaluationv1.Round_STATE_VOIDED }, ""},
		"of another owner":       {func(o *evaluationv1.Round) { o.Owner = "units/other" }, ""},
		"of an owner merged":     {func(o *evaluationv1.Round) { o.Owner = "units/former" }, "2026-04-30"},
		"of other units":         {func(o *evaluationv1.Round) { o.Subjects = []string{"units/s3"} }, ""},
		"of a unit merged":       {func(o *evaluationv1.Round) { o.Subjects = []string{"units/s3", "units/s0"} }, "2026-04-30"},
		"by another scheme":      {func(o *evaluationv1.Round) { o.Scheme = "evaluationSchemes/social" }, ""},
		"by another version":     {func(o *evaluationv1.Round) { o.SchemeVersion = "2025.1" }, "2026-04-30"},
		"29 days after":          {window("2026-04-29", "2026-05-01"), "2026-05-31"},
		"30 days after":          {window("2026-04-30", "2026-05-01"), ""},
		"29 days before opening": {window("2026-01-01", "2026-02-10"), "2026-03-12"},
		"30 days before opening": {window("2026-01-01", "2026-02-09"), ""},
		"closed early":           {closed("2026-03-02", 5), "2026-04-01"},
		"closed long after":      {closed("2026-06-02", 5), "2026-04-30"},
		"closed with few":        {closed("2026-03-02", 4), ""},
	} {
		other := proto.CloneOf(r)
		other.Name, other.OpenTime = "rounds/other", timestamppb.New(day("2026-01-01"))
		c.set(other)
		free, err := evaluation.Free(r, other, heir, day("2026-03-11"))
		if got := free.String(); err != nil || free.IsZero() != (c.want == "") || c.want != "" && got != c.want {
			t.Errorf("%s: %s, %v; want %q", name, got, err, c.want)
		}
	}
}

func window(first, last string) func(*evaluationv1.Round) {
	return func(r *evaluationv1.Round) { r.StartDate, r.EndDate = first, last }
}
