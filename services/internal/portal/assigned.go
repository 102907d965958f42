package portal

import (
	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// Assigned is a record as those read it who know of it because it is assigned to their
// unit, in answers and events alike: of an open complaint not who at the desk did what,
// and if identity is withheld (要求保密), not how it came, who took it in and whether a
// name was given. It does not change the record.
func Assigned[M proto.Message](record M) M {
	shown := proto.CloneOf(record)
	if c, ok := any(shown).(*complaintv1.Complaint); ok {
		c.RejectedBy, c.AssignedBy, c.RepliedBy, c.ClosedBy = "", "", "", ""
		if c.GetWithholdIdentity() {
			c.RealName, c.Channel, c.Intake = false, complaintv1.Complaint_CHANNEL_UNSPECIFIED, ""
		}
	}
	return shown
}
