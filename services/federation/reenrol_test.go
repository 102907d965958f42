package federation_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/fault"
)

// TestARevokedInstallationGoesOnByOtherKeys, in eras after those that it was in, and by none
// of the keys of before.
func TestARevokedInstallationGoesOnByOtherKeys(t *testing.T) {
	at := time.Unix(2e9, 0)
	revoked, err := federation.Revoke(enrolled("federation/1", "organization/3", "campaign/1"), "密钥失窃", at)
	if err != nil || federation.Voice(revoked) != "" {
		t.Fatalf("revoking = %v, %v", revoked, err)
	}
	for _, c := range []struct {
		what string
		logs []*federationv1.EnrolledLog
		want error
	}{
		{"its next eras", enrolled("federation/2", "organization/4").Logs, nil},
		{"a service that was none of its", enrolled("federation/2", "event/1").Logs, nil},
		{"the era of before", enrolled("federation/2", "organization/3").Logs, federation.ErrLogRepeated},
		{"an era before that", enrolled("federation/2", "organization/2").Logs, federation.ErrOriginInvalid},
		{"no voice", enrolled("organization/4").Logs, federation.ErrLogMissing},
		{"another's", []*federationv1.EnrolledLog{{Origin: "edu.example/510200/federation/2"}}, federation.ErrOriginInvalid},
	} {
		out, err := federation.Reenrol(revoked, c.logs, "核对", at.Add(time.Hour))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if err != nil {
			continue
		}
		if federation.Voice(out) == "" || out.GetReason() != "核对" || out.GetState() != federationv1.Installation_STATE_ACTIVE {
			t.Errorf("%s: %v", c.what, out)
		}
		if federation.KeyOf(out, "edu.example/510100/campaign/1") != "" || !out.GetLogs()[0].GetRevokeTime().AsTime().Equal(at) {
			t.Errorf("%s: a key of before is believed: %v", c.what, out.GetLogs())
		}
	}
	if _, err := federation.Reenrol(enrolled("federation/1"), enrolled("federation/2").Logs, "核对", at); !errors.Is(err, federation.ErrIllegalMove) {
		t.Errorf("what is not revoked: %v", err)
	}
}

// TestARevokedKeyIsKnown under whatever name it comes, and however it is written.
func TestARevokedKeyIsKnown(t *testing.T) {
	old := enrolled("federation/1")
	revoked, err := federation.Revoke(old, "密钥失窃", time.Unix(2e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	key := old.GetLogs()[0].GetVerifierKey()
	for _, text := range []string{key, "edu.example/510900/federation/1+00000000" + key[len(key)-45:], key[:len(key)-4] + "\n" + key[len(key)-4:]} {
		if err := federation.Taken(revoked, &federationv1.Installation{Logs: []*federationv1.EnrolledLog{{VerifierKey: text}}}); !errors.Is(err, federation.ErrKeyRevoked) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := errors.Join(federation.Taken(old, old), federation.Taken(revoked, enrolled("organization/1")), federation.Taken(revoked, revoked)); err != nil {
		t.Errorf("what was not revoked, or is not asked for: %v", err)
	}
	other := enrolled("federation/1", "organization/1")
	other.Name = "installations/510200"
	if err := federation.Taken(old, other); !errors.Is(err, federation.ErrKeyTaken) {
		t.Errorf("the key of another, of whom it was not revoked: %v", err)
	}
	all := func(yield func(*federationv1.Installation, error) bool) {
		_ = yield(revoked, nil) && yield(enrolled("organization/1"), nil) && yield(other, nil)
	}
	if out, err := federation.Sharing(all, revoked, time.Unix(3e9, 0)); err != nil || len(out) != 1 || out[0].GetLogs()[0].GetRevokeTime() == nil || out[0].GetLogs()[1].GetRevokeTime() != nil {
		t.Errorf("who has a key that was revoked of another keeps it: %v, %v", out, err)
	}
	forged := enrolled("federation/1", "organization/1")
	forged.Logs[1].RevokeTime = timestamppb.Now()
	if in, err := federation.Enrol(forged); err != nil || in.GetLogs()[1].GetRevokeTime() != nil {
		t.Errorf("who enrols says that a key is revoked: %v, %v", in, err)
	}
}

// TestAKeyOfSmallOrderIsNone: anybody signs for it.
func TestAKeyOfSmallOrderIsNone(t *testing.T) {
	for _, point := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	} {
		key, err := hex.DecodeString(point)
		if err != nil {
			t.Fatal(err)
		}
		in := enrolled("federation/1", "organization/1")
		if in.Logs[1].VerifierKey, err = note.NewEd25519VerifierKey(in.Logs[1].GetOrigin(), key); err != nil {
			t.Fatal(err)
		}
		if _, err := federation.Enrol(in); !errors.Is(err, federation.ErrKeyInvalid) {
			t.Errorf("enrolling %s: %v", point, err)
		}
	}
}

// TestALogThatIsEnrolledDoesNotComeTwice in a request that has it once: its refusal says so.
func TestALogThatIsEnrolledDoesNotComeTwice(t *testing.T) {
	_, err := federation.Extend(enrolled("federation/1"), enrolled("federation/1").Logs)
	if !errors.Is(err, federation.ErrLogRepeated) || !strings.Contains(fmt.Sprint(fault.As(err).Fields), "is enrolled already") {
		t.Errorf("a log that is enrolled: %v", err)
	}
	_, err = federation.Extend(enrolled("federation/1"), enrolled("organization/1", "organization/1").Logs)
	if err == nil || !strings.Contains(fmt.Sprint(fault.As(err).Fields), "comes twice") {
		t.Errorf("a log that comes twice: %v", err)
	}
}
