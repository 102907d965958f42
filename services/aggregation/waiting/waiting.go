// Package waiting notes for what quarantined rows wait (待对照): a unit, a code or a campaign
// that is not known yet. Once it is, their reports are judged again. Which rows wait is said by
// package desk.
package waiting

import (
	"bytes"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/jobs"
	"github.com/duban-project/duban/services/aggregation/known"
	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/store"
)

// Bucket has a row for each thing that a report's rows wait for.
const Bucket = "reports.waiting" // scheme, code, source, report → nothing: a quarantined row

// Waits says whether a row is in quarantine.
func Waits(row *aggregationv1.Report_Row) bool {
	return row.GetVerdict() == aggregationv1.Report_VERDICT_QUARANTINED
}

// Note notes for which codes and campaigns rows of a report are in quarantine.
func Note(tx store.Tx, r *aggregationv1.Report, rows []*aggregationv1.Report_Row) error {
	for _, row := range rows {
		if !Waits(row) {
			continue
		}
		if err := tx.Put(Bucket, []byte(awaited(r, row)+r.GetName()), nil); err != nil {
			return err
		}
	}
	return nil
}

// awaited begins the key of what a row waits for: its unit, or if that is found
// its campaign.
func awaited(r *aggregationv1.Report, row *aggregationv1.Report_Row) string {
	if row.GetResolvedUnit() != "" {
		return Campaign(row.GetCampaign())
	}
	scheme, code := reports.CodeOf(row)
	return Code(scheme, code, reports.SourceName(r.GetUnit(), r.GetSource()))
}

// Campaign begins the keys of rows that wait for a campaign.
func Campaign(name string) string { return Code("campaign", name, "") }

// Code begins the keys of rows that wait for a code; without a source, of all sources. Codes
// are the sender's, and may hold anything.
func Code(scheme, code, source string) string {
	key := reports.CodeName("", scheme, code) + "\x00"
	if source != "" {
		key += source + "\x00"
	}
	return key
}

// Known lets the quarantined rows that wait for a unit or one of its codes be
// judged again, in the transaction that takes the unit in. The desk MUST be stirred after it.
func Known(tx store.Tx, u *organizationv1.Unit) error {
	keys := []string{Code("unit", u.GetName(), "")}
	for _, code := range u.GetCodes() {
		keys = append(keys, Code(code.GetScheme(), code.GetValue(), ""))
	}
	_, err := Recall(tx, keys)
	return err
}

// Heard notes which campaigns rows and cuts may name, and lets the quarantined rows that wait
// for this one or its categories be judged again, in the transaction that takes the campaign
// in. The desk MUST be stirred after it. Nobody reports on a draft.
func Heard(tx store.Tx, c *campaignv1.Campaign) error {
	if c.GetState() == campaignv1.Campaign_STATE_DRAFT {
		return nil
	}
	if err := known.Note(tx, c); err != nil {
		return err
	}
	_, err := Recall(tx, []string{Campaign(c.GetName())})
	return err
}

// Recall lets the reports whose rows wait under the keys be judged again, and says how many
// they are.
func Recall(tx store.Tx, keys []string) (int, error) {
	called := map[string]bool{}
	for _, key := range keys {
		from, to := store.Prefix(key)
		for e, err := range tx.Scan(Bucket, from, to) {
			if err != nil {
				return 0, err
			}
			called[string(e.Key[bytes.LastIndexByte(e.Key, 0)+1:])] = true
			if err := tx.Delete(Bucket, e.Key); err != nil {
				return 0, err
			}
		}
	}
	for report := range called {
		if err := jobs.Again(tx, report); err != nil {
			return 0, err
		}
	}
	return len(called), nil
}
