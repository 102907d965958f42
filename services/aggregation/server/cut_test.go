package server_test

import (
	"errors"
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/fault"
)

// A cut that names what there is not is refused, where zeros would say that nothing
// happened. What is none of the unit's business is as if it were not there.
func TestCutsNameWhatThereIs(t *testing.T) {
	s := newScene(t)
	open, coded := s.published("open", s.Root), s.published("coded", s.district, "A")
	foreign := s.published("foreign", s.other)
	for name, c := range map[string]struct {
		unit  string
		cut   *aggregationv1.Cut
		want  *fault.Fault
		field string
	}{
		"a source":               {s.district, &aggregationv1.Cut{Source: "SELF_CHECK"}, nil, ""},
		"no source":              {s.district, &aggregationv1.Cut{Source: "BOGUS"}, aggregation.ErrSourceUnknown, "cut.source"},
		"a source's enum":        {s.district, &aggregationv1.Cut{Source: "SOURCE_SELF_CHECK"}, aggregation.ErrSourceUnknown, "cut.source"},
		"a campaign above":       {s.school, &aggregationv1.Cut{Campaign: open}, nil, ""},
		"a campaign beneath":     {s.Root, &aggregationv1.Cut{Campaign: foreign}, nil, ""},
		"any category":           {s.school, &aggregationv1.Cut{Campaign: open, Category: "Z"}, nil, ""},
		"a category":             {s.school, &aggregationv1.Cut{Campaign: coded, Category: "A"}, nil, ""},
		"no category":            {s.school, &aggregationv1.Cut{Campaign: coded, Category: "Z"}, aggregation.ErrCategoryUnknown, "cut.category"},
		"no campaign":            {s.Root, &aggregationv1.Cut{Campaign: "campaigns/none"}, aggregation.ErrCampaignUnknown, "cut.campaign"},
		"no campaign below":      {s.Root, &aggregationv1.Cut{Campaign: "campaigns/x.none"}, aggregation.ErrCampaignUnknown, "cut.campaign"},
		"a campaign beside":      {s.school, &aggregationv1.Cut{Campaign: foreign}, aggregation.ErrCampaignUnknown, "cut.campaign"},
		"a campaign of long ago": {s.school, &aggregationv1.Cut{Campaign: "campaigns/none", TreeAsOf: aggregationv1.Tree_TREE_NOW}, aggregation.ErrCampaignUnknown, "cut.campaign"},
	} {
		calls := map[string]func() error{
			"status": func() error {
				_, err := s.Aggregation(s.reviewer.Key).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: c.unit, Cut: c.cut})
				return err
			},
			"comparison": func() error {
				_, err := s.Aggregation(s.reviewer.Key).CompareStatus(t.Context(), &aggregationv1.CompareStatusRequest{
					Name: c.unit, Cut: c.cut, Metric: "metrics/problems_found",
				})
				return err
			},
		}
		for call, do := range calls {
			err := do()
			if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s, %s = %v", name, call, err)
			} else if f := fault.As(err); c.want != nil && (len(f.Fields) != 1 || f.Fields[0].Path != c.field) {
				t.Errorf("%s, %s is told at %v", name, call, f.Fields)
			}
		}
	}
}
