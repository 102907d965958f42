package complaint_test

import (
	"encoding/hex"
	"errors"
	"testing"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
)

// The digest is that of the contract, as another program computes it:
// printf 'duban/row/v1\0\0\0\0\x12complaint.contents\0\0\0\x03c/1\0\0\0\x01x' | sha256sum
func TestARowHasTheDigestOfTheContract(t *testing.T) {
	const want = "79ff437c561f1a18652717376b31a427356798fc1b625d180b66af2af726fb68"
	r := complaint.Row{Bucket: "complaint.contents", Key: []byte("c/1"), Value: []byte("x")}
	if got := hex.EncodeToString(r.Digest()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	before, c := &complaintv1.Complaint{}, &complaintv1.Complaint{Digests: &complaintv1.Digests{}}
	if r.Held(c, r.Digest()) != nil || r.Held(before, nil) != nil {
		t.Error("a row is not held for its own")
	}
	for _, other := range [][]byte{nil, []byte(want)} {
		if err := r.Held(c, other); !errors.Is(err, complaint.ErrContentMissing) {
			t.Errorf("held against %x: %v", other, err)
		}
	}
}
