package complaint

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

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
