package suitetest

import complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"

// Complaint returns the complaint service, called with the key.
func (s *Suite) Complaint(key string) complaintv1.ComplaintServiceClient {
	return complaintv1.NewComplaintServiceClient(s.As(key))
}
