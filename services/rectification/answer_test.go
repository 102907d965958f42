package rectification_test

import (
	"testing"
	"time"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/rectification"
)

// What is filed has a day by which it is answered, every version one of its own; who
// has it filed once more before that wins no time.
func TestByWhichDayASuperiorAnswersWhatWasFiled(t *testing.T) {
	for name, c := range map[string]struct {
		turns [][2]string // the day, and whether it is filed, acknowledged or returned
		want  string
	}{
		"filed":                         {[][2]string{{"2026-03-31", "file"}}, "2026-04-22"},
		"filed twice":                   {[][2]string{{"2026-03-31", "file"}, {"2026-04-22", "file"}}, "2026-04-22"},
		"acknowledged":                  {[][2]string{{"2026-03-31", "file"}, {"2026-05-20", "acknowledge"}}, ""},
		"returned":                      {[][2]string{{"2026-03-31", "file"}, {"2026-04-01", "return"}}, ""},
		"filed again once returned":     {[][2]string{{"2026-02-10", "file"}, {"2026-03-04", "return"}, {"2026-03-31", "file"}}, "2026-04-22"},
		"supplemented":                  {[][2]string{{"2026-02-10", "file"}, {"2026-03-04", "acknowledge"}, {"2026-03-31", "file"}}, "2026-04-22"},
		"a supplement that is answered": {[][2]string{{"2026-02-10", "file"}, {"2026-03-04", "acknowledge"}, {"2026-03-31", "file"}, {"2026-04-01", "return"}}, ""},
	} {
		l := &rectificationv1.Ledger{Name: "ledgers/x", State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: "2026-04-03"}
		var v *rectificationv1.LedgerVersion
		for _, turn := range c.turns {
			if turn[1] == "file" {
				l.State = rectificationv1.Ledger_STATE_SIGNED
				f := filedOn(t, l, turn[0])
				l, v = f.Ledger, f.Version
				continue
			}
			l, v = answered(t, l, v, turn)
		}
		if l.GetAcknowledgeDueDate() != c.want {
			t.Errorf("%s: answered by %q, want %q", name, l.GetAcknowledgeDueDate(), c.want)
		}
	}
}

func answered(t *testing.T, l *rectificationv1.Ledger, v *rectificationv1.LedgerVersion, turn [2]string) (*rectificationv1.Ledger, *rectificationv1.LedgerVersion) {
	t.Helper()
	at, err := time.Parse(time.DateOnly, turn[0])
	if err != nil {
		t.Fatal(err)
	}
	verdict := rectification.Verdict{Decider: superior, Time: at}
	if turn[1] == "return" {
		verdict.Reason = "why"
	}
	if l, v, err = rectification.Decide(l, v, verdict, calendar.Builtin()); err != nil {
		t.Fatal(err)
	}
	return l, v
}
