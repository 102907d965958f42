package rectification

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Lapse returns the ledger of a campaign that was closed on day. What is open in it
// goes on; see Enter and Sign for what does not.
func Lapse(l *rectificationv1.Ledger, day string) *rectificationv1.Ledger {
	l = proto.CloneOf(l)
	l.CampaignCloseDate = day
	return l
}

// Abandon returns the ledger of a unit that was archived on day. What was due by then
// stays due.
func Abandon(l *rectificationv1.Ledger, day string) *rectificationv1.Ledger {
	l = proto.CloneOf(l)
	l.UnitArchiveDate = day
	return l
}

// over says what a ledger does no more because its campaign was closed.
func over(l *rectificationv1.Ledger, path, zh, en string) error {
	return ErrLedgerCampaignClosed.With("date", l.GetCampaignCloseDate()).At(path, zh, en)
}

// maxNamed is how many problems without a plan are named; their number is told.
const maxNamed = 20

// allPlanned says whether each of the problems that is not cancelled has a plan:
// without a deadline none would ever be overdue.
func allPlanned(problems []*rectificationv1.Problem) error {
	count, numbers := 0, []string{}
	for _, p := range problems {
		if p.GetState() == cancelled || complete(p) == nil {
			continue
		}
		if count++; count <= maxNamed {
			numbers = append(numbers, strconv.Itoa(int(p.GetNumber())))
		}
	}
	if count == 0 {
		return nil
	}
	zh, en := strings.Join(numbers, "、"), strings.Join(numbers, ", ")
	if count > maxNamed {
		zh, en = zh+"等", en+" and more"
	}
	return ErrLedgerPlanMissing.With("count", strconv.Itoa(count)).Say("numbers", zh, en)
}
