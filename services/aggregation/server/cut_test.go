package server_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/count"
	"github.com/duban-project/duban/services/aggregation/known"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suitetest"
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
		"a source":           {s.district, &aggregationv1.Cut{Source: "SELF_CHECK"}, nil, ""},
		"no source":          {s.district, &aggregationv1.Cut{Source: "BOGUS"}, aggregation.ErrSourceUnknown, "cut.source"},
		"a source's enum":    {s.district, &aggregationv1.Cut{Source: "SOURCE_SELF_CHECK"}, nil, ""},
		"an enum's prefix":   {s.district, &aggregationv1.Cut{Source: "SOURCE_"}, aggregation.ErrSourceUnknown, "cut.source"},
		"a prefix twice":     {s.district, &aggregationv1.Cut{Source: "SOURCE_SOURCE_SELF_CHECK"}, aggregation.ErrSourceUnknown, "cut.source"},
		"an enum's zero":     {s.district, &aggregationv1.Cut{Source: "SOURCE_UNSPECIFIED"}, aggregation.ErrSourceUnknown, "cut.source"},
		"a campaign above":   {s.school, &aggregationv1.Cut{Campaign: open}, nil, ""},
		"a campaign beneath": {s.Root, &aggregationv1.Cut{Campaign: foreign}, nil, ""},
		"any category":       {s.school, &aggregationv1.Cut{Campaign: open, Category: "Z"}, nil, ""},
		"a category":         {s.school, &aggregationv1.Cut{Campaign: coded, Category: "A"}, nil, ""},
		"no category":        {s.school, &aggregationv1.Cut{Campaign: coded, Category: "Z"}, aggregation.ErrCategoryUnknown, "cut.category"},
		"no campaign":        {s.Root, &aggregationv1.Cut{Campaign: "campaigns/none"}, aggregation.ErrCampaignUnknown, "cut.campaign"},
		"no campaign below":  {s.Root, &aggregationv1.Cut{Campaign: "campaigns/x.none"}, aggregation.ErrCampaignUnknown, "cut.campaign"},
		"a campaign beside":  {s.school, &aggregationv1.Cut{Campaign: foreign}, aggregation.ErrCampaignUnknown, "cut.campaign"},
		"by the tree of now": {s.school, &aggregationv1.Cut{Campaign: "campaigns/none", TreeAsOf: aggregationv1.Tree_TREE_NOW}, aggregation.ErrCampaignUnknown, "cut.campaign"},
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

// What counts in a campaign stays to be asked for, also once its unit lies elsewhere.
func TestCutsNameWhatOnceCounted(t *testing.T) {
	s := newScene(t)
	campaign := s.published("district", s.district)
	r := row(s.school, "found", 4)
	r.Campaign = campaign
	s.accepted(s.sent(s.report(1, r)).GetName())
	next := s.Unit("next", s.Root, organizationv1.Unit_KIND_DISTRICT)
	s.SetTime(suitetest.Start.AddDate(0, 0, 1))
	if _, err := s.Organization(s.SystemAdmin).MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: s.school, Parent: next}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	wantFigure(t, s.status(s.reviewer.Key, s.school, &aggregationv1.Cut{Campaign: campaign}).GetFigures(), "problems_found", 4)
	now := &aggregationv1.Cut{Campaign: campaign, TreeAsOf: aggregationv1.Tree_TREE_NOW}
	wantFigure(t, s.status(s.reviewer.Key, next, now).GetFigures(), "problems_found", 4)
	beside := s.Unit("beside", s.Root, organizationv1.Unit_KIND_DISTRICT)
	_, err := s.Aggregation(s.reviewer.Key).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: beside, Cut: &aggregationv1.Cut{Campaign: campaign}})
	if !errors.Is(err, aggregation.ErrCampaignUnknown) {
		t.Errorf("a district in which nothing of it counts: %v", err)
	}
}

// A campaign that an installation below has published is known here before anything
// counts in it; a draft is not.
func TestCampaignsBelowAreKnown(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "aggregation.db"), bolt.Options{MapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var feed []*feedv1.Entry
	for i, state := range []campaignv1.Campaign_State{campaignv1.Campaign_STATE_DRAFT, campaignv1.Campaign_STATE_PUBLISHED} {
		body, err := anypb.New(&campaignv1.Campaign{Name: fmt.Sprint("campaigns/c", i), Owner: "units/a1", State: state})
		if err != nil {
			t.Fatal(err)
		}
		at := timestamppb.New(suitetest.Start)
		feed = append(feed, &feedv1.Entry{Version: 1, Seq: uint64(i), At: at, Effective: at, Subject: fmt.Sprint("campaigns/c", i), Body: body})
	}
	source := count.Source{Feed: belowPlan, Installation: belowName, Root: "units/a"}
	err = db.Update(t.Context(), func(tx store.Tx) error {
		if err := source.Count(tx, feed); err != nil {
			return err
		}
		for name, owner := range map[string]string{"campaigns/510104.c0": "", "campaigns/510104.c1": "units/a1", "campaigns/c1": ""} {
			if c, err := known.Find(tx, name); err != nil || c.GetOwner() != owner {
				t.Errorf("%s is %v, %v", name, c, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
