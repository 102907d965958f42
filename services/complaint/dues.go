package complaint

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// Recount returns c with those of its days counted anew that are provisional (暂定), or nil
// if they stay what they are: once the holidays are announced they are not. So none comes
// before today, unless it had passed: nobody is late who was not. What is over, or was
// counted by another pack than today's, stays as it is.
func (p *Packs) Recount(c *complaintv1.Complaint, today string, days *calendar.Calendar) *complaintv1.Complaint {
	if c.GetState() == complaintv1.Complaint_STATE_CLOSED || c.GetState() == complaintv1.Complaint_STATE_REJECTED {
		return nil
	}
	var accepted calendar.Date
	if c.GetAcceptTime() != nil {
		accepted = calendar.On(c.GetAcceptTime().AsTime())
	}
	again, err := p.Set(c, days, calendar.On(c.GetCreateTime().AsTime()), accepted)
	if err != nil || again.GetRulePack() != c.GetRulePack() {
		return nil
	}
	again.AcknowledgeDue = anew(c.GetAcknowledgeDue(), again.GetAcknowledgeDue(), today)
	again.DecideDue = anew(c.GetDecideDue(), again.GetDecideDue(), today)
	again.FinishDue = anew(c.GetFinishDue(), again.GetFinishDue(), today)
	if proto.Equal(c, again) {
		return nil
	}
	return again
}

// anew is what a day becomes that is counted again.
func anew(before, again *complaintv1.Due, today string) *complaintv1.Due {
	if !before.GetProvisional() || again == nil {
		return before
	}
	again.Date = max(again.GetDate(), min(before.GetDate(), today))
	return again
}

// Set returns c with the last days of its time limits, the calendar they were
// counted by and the pack that set them. accepted is the zero Date while c is
// not accepted; what counts from there is then left out.
func (p *Packs) Set(c *complaintv1.Complaint, days *calendar.Calendar, received, accepted calendar.Date) (*complaintv1.Complaint, error) {
	pack, ok := p.byType[c.GetType()]
	if !ok {
		return nil, fmt.Errorf("no limits for %s", c.GetType())
	}
	c = proto.CloneOf(c)
	c.RulePack = pack.ID + "@" + pack.Version
	from := map[string]calendar.Date{"received": received, "accepted": accepted}
	for kind, due := range map[string]**complaintv1.Due{
		"acknowledge": &c.AcknowledgeDue, "decide": &c.DecideDue, "finish": &c.FinishDue,
	} {
		l, set := pack.Limits[kind]
		if !set || from[l.From].IsZero() {
			*due = nil
			continue
		}
		last, err := days.Due(from[l.From], l.counted())
		if err != nil {
			return nil, fmt.Errorf("counting %s of %s: %w", kind, pack.ID, err)
		}
		*due = &complaintv1.Due{Date: last.Date.String(), Provisional: last.Provisional, Calendar: last.Calendar}
	}
	return c, nil
}
