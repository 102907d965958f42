package complaint

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// inTheOpen are the fields of a sealed case that are kept, listed and logged in
// the open. A field that is not named here is encrypted.
var inTheOpen = map[protoreflect.Name]bool{
	"name": true, "type": true, "desk": true, "routing": true, "sealed": true, "state": true,
	"responsible": true, "assignee": true, "rejected_by": true, "assigned_by": true, "replied_by": true, "closed_by": true,
	"acknowledge_due": true, "decide_due": true, "finish_due": true, "rule_pack": true,
	"accept_time": true, "reject_time": true, "assign_time": true, "reply_time": true, "close_time": true,
	"create_time": true, "update_time": true, "etag": true, "digests": true,
}

// Part parts a complaint into what is kept in the open and what is to be
// encrypted; that is nil for a complaint that is not sealed.
func Part(c *complaintv1.Complaint) (open, content *complaintv1.Complaint) {
	open = proto.CloneOf(c)
	if !c.GetSealed() {
		return open, nil
	}
	content = proto.CloneOf(c)
	fields := c.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if inTheOpen[f.Name()] {
			content.ProtoReflect().Clear(f)
		} else {
			open.ProtoReflect().Clear(f)
		}
	}
	return open, content
}

// Openable says whether there is anything to open in c.
func Openable(c *complaintv1.Complaint) error {
	if !c.GetSealed() {
		return ErrNotSealed
	}
	return nil
}

// NewOpening is the record that who opened c, and what for (调阅记录).
func NewOpening(c *complaintv1.Complaint, id, who string, purpose complaintv1.Opening_Purpose) *complaintv1.Opening {
	return &complaintv1.Opening{Name: c.GetName() + "/openings/" + id, Desk: c.GetDesk(), OpenedBy: who, Purpose: purpose}
}

// Shown is the complaint as answers have it: without the digests, which would tell
// whether there is an identity.
func Shown(c *complaintv1.Complaint) *complaintv1.Complaint {
	shown := proto.CloneOf(c)
	shown.Digests = nil
	return shown
}

// Join undoes Part.
func Join(open, content *complaintv1.Complaint) *complaintv1.Complaint {
	whole := proto.CloneOf(open)
	proto.Merge(whole, content)
	return whole
}
