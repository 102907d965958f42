package desk

import (
	"context"
	"log/slog"
	"time"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/aggregation/known"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// hearing is how long a report waits for what campaigns have told.
const hearing = 5 * time.Second

// hear has what campaigns told taken in, before rows are judged, if these name a campaign
// or category that is not known: a row is put into quarantine only after catching up
// (decision 0002). If that cannot be, it waits there until the campaign comes.
func (d *Desk) hear(ctx context.Context, pages [][]*aggregationv1.Report_Row) error {
	var lacks bool
	err := d.book.Store.View(ctx, func(tx store.Tx) (err error) {
		lacks, err = known.Lacks(tx, pages)
		return err
	})
	if !lacks || err != nil {
		return err
	}
	waits, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	if err := d.hearCampaigns(waits); err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "judging rows by campaigns as they were known", "error", err)
	}
	return ctx.Err()
}

// campaign is known.Find, once for each.
func (j *judge) campaign(name string) (*campaignv1.Campaign, error) {
	if c, ok := j.campaigns[name]; ok {
		return c, nil
	}
	c, err := known.Find(j.tx, name)
	if err == nil {
		j.campaigns[name] = c
	}
	return c, err
}

// within holds the campaign and category of a row whose unit is found against the
// campaigns that this unit took part in where it stood when the period ended.
func (j *judge) within(row *aggregationv1.Report_Row) error {
	if row.GetCampaign() == "" {
		return nil
	}
	c, err := j.campaign(row.GetCampaign())
	if err != nil {
		return err
	}
	return reports.InCampaign(row, c, j.desk.directory.Stood(row.GetResolvedUnit(), j.paper.Period.End()))
}
