package server_test

import (
	"fmt"
	"maps"
	"testing"

	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
)

// worklists are all answers that some people get to who asks for what awaits
// anybody, byte by byte.
func (s *scene) worklists(keys map[string]string) map[string]string {
	s.T.Helper()
	answers := map[string]string{}
	for who, key := range keys {
		for _, parent := range []string{"units/-", s.Root, s.district, s.school} {
			for _, beneath := range []bool{false, true} {
				var m proto.Message
				m, err := s.Aggregation(key).ListWorkItems(s.T.Context(), &aggregationv1.ListWorkItemsRequest{Parent: parent, Beneath: beneath})
				if err != nil {
					m = grpcstatus.Convert(err).Proto()
				}
				b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
				if err != nil {
					s.T.Fatal(err)
				}
				answers[fmt.Sprintf("%s asks for %s, beneath: %v", who, parent, beneath)] = string(b)
			}
		}
	}
	return answers
}

// A sealed case changes no worklist by a byte, received or accepted, whoever asks.
func TestASealedCaseIsInNoWorklist(t *testing.T) {
	s := newScene(t)
	officer := s.Person(s.district, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	clerk := s.Person(s.school, accessv1.Role_ROLE_CLERK)
	s.problems(clerk)
	file := func(kind complaintv1.Complaint_Type) *complaintv1.Complaint {
		t.Helper()
		res, err := s.Complaint(officer.Key).CreateComplaint(t.Context(), &complaintv1.CreateComplaintRequest{Intake: s.district, Complaint: &complaintv1.Complaint{
			Type: kind, Channel: complaintv1.Complaint_CHANNEL_HOTLINE, Unit: s.school, Category: "收费", Text: "演示举报",
		}})
		if err != nil {
			t.Fatal(err)
		}
		s.settled()
		return res.GetComplaint()
	}
	people := map[string]string{
		"the officer": officer.Key, "the clerk": clerk.Key, "the head": s.head.Key, "the superior": s.reviewer.Key,
		"the supervisor": s.eye.Key, "the auditor": s.Auditor, "the machine": s.machine.Key,
	}
	empty := s.worklists(people)
	file(complaintv1.Complaint_TYPE_COMPLAINT)
	before := s.worklists(people)
	if maps.Equal(empty, before) {
		t.Fatal("an open complaint is in no worklist")
	}
	c := file(complaintv1.Complaint_TYPE_REPORT)
	if !c.GetSealed() {
		t.Fatalf("it is not sealed: %v", c)
	}
	same := func(when string) {
		t.Helper()
		for question, answer := range s.worklists(people) {
			if answer != before[question] {
				t.Errorf("%s: the answer changed with a sealed case that was %s", question, when)
			}
		}
	}
	same("received")
	if _, err := s.Complaint(officer.Key).AcceptComplaint(t.Context(), &complaintv1.AcceptComplaintRequest{Name: c.GetName()}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	same("accepted")
}
