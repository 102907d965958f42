package count

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/aggregation/figures/reported"
	"github.com/duban-project/duban/services/aggregation/joins"
	"github.com/duban-project/duban/services/aggregation/lower"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/fault"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
)

// tells says whether the source may tell of what the entry is about. A log below tells of
// records of its own service, and none tells whose a unit is or where it lies: that say
// organization and federation here.
func (s Source) tells(e *feedv1.Entry) bool {
	if s.Installation == "" || e.GetBody() == nil {
		return true
	}
	switch service := s.Feed[strings.LastIndexByte(s.Feed, '.')+1:]; service {
	case Organization, "federation":
		return false
	default:
		return strings.HasPrefix(string(e.GetBody().MessageName()), "duban."+service+".")
	}
}

// theirFact is what a record of the source counts here. What is about another's
// units counts nothing, and a campaign of theirs is not taken for one here.
func (c counting) theirFact(fact aggregation.Fact) (aggregation.Fact, error) {
	if c.Installation == "" || fact.Unit == "" {
		return fact, nil
	}
	theirs, err := c.theirs(fact.Unit)
	if !theirs {
		return aggregation.Fact{}, err
	}
	fact.Campaign = lower.Campaign(c.Installation, fact.Campaign)
	return fact, nil
}

// items are what a record of the source asks for, if it is its units' to ask.
func (c counting) items(name string, body proto.Message) (items []*worklist.Item, err error) {
	for _, item := range worklist.Of(body) {
		if c.Installation != "" {
			theirs, err := c.theirs(item.GetOwner())
			if err != nil {
				return nil, err
			}
			if !theirs {
				continue
			}
			item.Subject, item.Campaign = name, lower.Campaign(c.Installation, item.GetCampaign())
		}
		items = append(items, item)
	}
	return items, nil
}

// theirs says whether the source may speak of the unit, or ErrUnitUnknown.
func (c counting) theirs(unit string) (bool, error) {
	standing, err := lower.StandingOf(c.tx, unit, c.Installation, c.Root)
	if err == nil && standing == lower.Unknown {
		err = ErrUnitUnknown
	}
	return standing == lower.Theirs, err
}

// head remembers what the pages of a report from below are read by, and that it came.
func (c counting) head(r *aggregationv1.Report) error {
	if c.Installation == "" {
		return nil
	}
	theirs, err := c.theirs(r.GetUnit())
	if err != nil {
		return err
	}
	return lower.KeepReport(c.tx, c.named(r.GetName()), r, theirs)
}

// page counts what an installation below counts of a page of a report. Those of
// reports that were made here are counted by the desk.
func (c counting) page(p *aggregationv1.ReportPage) error {
	if c.Installation == "" {
		return nil
	}
	r, err := lower.ReadReport(c.tx, c.named(p.GetReport()))
	switch {
	case errors.Is(err, store.ErrNotFound) && !slices.ContainsFunc(p.GetRows(), (*aggregationv1.Report_Row).GetCounted):
		return nil // a short report is judged, page first, in the transaction that makes it
	case err != nil:
		return fmt.Errorf("reading the report of %s: %w", p.GetName(), err)
	}
	paper, err := reported.NewPaper(r)
	if err != nil {
		return nil // a form that only they have
	}
	for _, row := range p.GetRows() {
		if err := c.row(paper, row); err != nil {
			return err
		}
	}
	return nil
}

// row counts a row that counts below, and takes off one that no longer does.
func (c counting) row(paper reported.Paper, row *aggregationv1.Report_Row) error {
	said, err := paper.Figure(row)
	if err != nil || row.GetResolvedUnit() == "" || !row.GetCounted() && !reports.Counts(row.GetVerdict()) {
		return nil // nothing that counts here, or ever did
	}
	said.Cell.Campaign, said.Source = lower.Campaign(c.Installation, said.Cell.Campaign), c.Installation+"/"+said.Source
	if !row.GetCounted() {
		return c.fold.Withdraw(said)
	}
	theirs, err := c.theirs(row.GetResolvedUnit())
	if err != nil || !theirs {
		return err
	}
	if err := c.fold.EnterJudged(said); fault.As(err) == nil {
		return err
	}
	return nil // another source's stays that one's
}

// joins notes which campaign above one from below is part of, once that can change
// no more. Campaigns of this installation are part of none here.
func (c counting) joins(of *campaignv1.Campaign) error {
	if c.Installation == "" || of.GetState() == campaignv1.Campaign_STATE_DRAFT {
		return nil
	}
	return joins.Join(c.tx, c.Installation, of.GetName(), of.GetParent())
}

// remote takes in a unit of an installation below, since it took effect there.
func (c counting) remote(r *federationv1.RemoteUnit) error {
	if r.GetUnit() == nil {
		return lower.Own(c.tx, "units/"+strings.TrimPrefix(r.GetName(), "remoteUnits/"), r.GetInstallation())
	}
	return errors.Join(c.fold.At(r.GetEffectiveTime().AsTime()), c.lies(r.GetUnit(), r.GetInstallation()))
}

// withhold counts the sealed parts of a run from below that stayed there.
func (s Source) withhold(tx store.Tx, run []*feedv1.Entry) error {
	n := uint64(0)
	for _, e := range run {
		for _, c := range e.GetSealed() {
			if s.Installation != "" && c.GetLabel() != feedserver.Office {
				n++
			}
		}
	}
	return lower.AddWithheld(tx, s.Feed, n)
}
