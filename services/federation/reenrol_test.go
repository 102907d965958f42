package federation_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
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
		if err := federation.Taken(revoked, []*federationv1.EnrolledLog{{VerifierKey: text}}); !errors.Is(err, federation.ErrKeyRevoked) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := errors.Join(federation.Taken(old, old.GetLogs()), federation.Taken(revoked, enrolled("organization/1").Logs), federation.Taken(revoked, revoked.GetLogs())); err != nil {
		t.Errorf("what was not revoked, or is not asked for: %v", err)
	}
	forged := enrolled("federation/1", "organization/1")
	forged.Logs[1].RevokeTime = timestamppb.Now()
	if in, err := federation.Enrol(forged); err != nil || in.GetLogs()[1].GetRevokeTime() != nil {
		t.Errorf("who enrols says that a key is revoked: %v, %v", in, err)
	}
}
