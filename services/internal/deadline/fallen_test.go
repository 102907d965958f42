package deadline_test

import (
	"testing"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/deadline"
)

func TestWhatEndedBeforeNeverFallsDue(t *testing.T) {
	for _, c := range []struct {
		day  string
		ends []string
		want string
	}{
		{"2026-04-03", nil, "2026-04-03"},
		{"2026-04-03", []string{"", "2026-04-04"}, "2026-04-03"},
		{"2026-04-03", []string{"2026-04-03"}, "2026-04-03"},
		{"2026-04-03", []string{"2026-04-02"}, ""},
		{"2026-04-03", []string{"2026-05-01", "2026-04-02"}, ""},
		{"", []string{"2026-04-02"}, ""},
	} {
		if got := deadline.Fallen(c.day, c.ends...); got != c.want {
			t.Errorf("%s with the ends %q falls due on %q, want %q", c.day, c.ends, got, c.want)
		}
	}
}

func TestByWhichDayALedgerIsFiled(t *testing.T) {
	const due, again, before, between, after = "2026-04-03", "2026-04-13", "2026-04-02", "2026-04-10", "2026-04-14"
	for name, c := range map[string]struct {
		ledger *rectificationv1.Ledger
		want   string
	}{
		"was never filed":                         {&rectificationv1.Ledger{FilingDueDate: due}, due},
		"is never due":                            {&rectificationv1.Ledger{}, ""},
		"is of a campaign that closed before":     {&rectificationv1.Ledger{FilingDueDate: due, CampaignCloseDate: before}, ""},
		"is of a campaign that closed on the day": {&rectificationv1.Ledger{FilingDueDate: due, CampaignCloseDate: due}, due},
		"is of a unit archived before":            {&rectificationv1.Ledger{FilingDueDate: due, UnitArchiveDate: before}, ""},
		"was filed":                               {&rectificationv1.Ledger{FilingDueDate: due, Version: 1}, ""},
		"was returned": {
			&rectificationv1.Ledger{FilingDueDate: due, Version: 1, ReturnReason: "x", CorrectionDueDate: again}, again,
		},
		"was returned long before the day": {
			&rectificationv1.Ledger{FilingDueDate: due, Version: 1, ReturnReason: "x", CorrectionDueDate: before}, due,
		},
		"was returned, and its campaign closed since": {
			&rectificationv1.Ledger{FilingDueDate: due, Version: 1, ReturnReason: "x", CorrectionDueDate: again, CampaignCloseDate: between}, again,
		},
		"was returned after its campaign closed early": {
			&rectificationv1.Ledger{FilingDueDate: due, Version: 1, ReturnReason: "x", CorrectionDueDate: again, CampaignCloseDate: before}, "",
		},
		"was returned, and its unit archived since": {
			&rectificationv1.Ledger{FilingDueDate: due, Version: 1, ReturnReason: "x", CorrectionDueDate: again, UnitArchiveDate: between}, "",
		},
		"was returned, and its unit archived after": {
			&rectificationv1.Ledger{FilingDueDate: due, Version: 1, ReturnReason: "x", CorrectionDueDate: again, UnitArchiveDate: after}, again,
		},
		"was acknowledged, and a supplement returned": {
			&rectificationv1.Ledger{FilingDueDate: due, Version: 2, AcknowledgedVersion: 1, ReturnReason: "x", CorrectionDueDate: again}, "",
		},
	} {
		if got := deadline.FiledBy(c.ledger); got != c.want {
			t.Errorf("what %s is filed by %q, want %q", name, got, c.want)
		}
	}
}

func TestByWhichDayALedgerIsAnswered(t *testing.T) {
	const due, before, after = "2026-04-22", "2026-04-21", "2026-04-23"
	for name, c := range map[string]struct {
		ledger *rectificationv1.Ledger
		want   string
	}{
		"awaits an answer":                    {&rectificationv1.Ledger{AcknowledgeDueDate: due}, due},
		"awaits none":                         {&rectificationv1.Ledger{UnitArchiveDate: before}, ""},
		"is of a campaign that closed before": {&rectificationv1.Ledger{AcknowledgeDueDate: due, CampaignCloseDate: before}, ""},
		"is of a unit archived before":        {&rectificationv1.Ledger{AcknowledgeDueDate: due, UnitArchiveDate: before}, ""},
		"ended after":                         {&rectificationv1.Ledger{AcknowledgeDueDate: due, CampaignCloseDate: due, UnitArchiveDate: after}, due},
	} {
		if got := deadline.AnsweredBy(c.ledger); got != c.want {
			t.Errorf("what %s is answered by %q, want %q", name, got, c.want)
		}
	}
}

func TestByWhichDayATaskIsSubmitted(t *testing.T) {
	const due, again, between = "2026-04-03", "2026-04-13", "2026-04-10"
	for name, c := range map[string]struct {
		task *campaignv1.Assignment
		want string
	}{
		"was issued":   {&campaignv1.Assignment{DueDate: due}, due},
		"was returned": {&campaignv1.Assignment{DueDate: due, CorrectionDueDate: again}, again},
		"was returned, and its campaign closed since": {&campaignv1.Assignment{DueDate: due, CorrectionDueDate: again, CampaignCloseDate: between}, ""},
		"was returned, and its unit archived since":   {&campaignv1.Assignment{DueDate: due, CorrectionDueDate: again, UnitArchiveDate: between}, ""},
	} {
		if got := deadline.SubmittedBy(c.task); got != c.want {
			t.Errorf("what %s is submitted by %q, want %q", name, got, c.want)
		}
	}
}
