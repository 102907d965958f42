package streams_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/streams"
)

// logged is what the process logs from now on.
func logged(t *testing.T) *bytes.Buffer {
	var out bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(was) })
	return &out
}

// TestWhoIsRefusedIsToldOf once a minute, each installation and code for itself, so that by one
// nobody hides another.
func TestWhoIsRefusedIsToldOf(t *testing.T) {
	out := logged(t)
	const forged, revoked, unknown = federationv1.Code_CODE_BAD_SIGNATURE, federationv1.Code_CODE_REVOKED, federationv1.Code_CODE_UNKNOWN_LOG
	var refused streams.Refused
	at := time.Unix(2e9, 0)
	for i, come := range []struct {
		name   string
		code   federationv1.Code
		claims string
		told   bool
	}{
		{"installations/a", forged, "", true},
		{"installations/a", forged, "", false},
		{"installations/a", unknown, "edu.example/a/federation/2", true},
		{"installations/b", forged, "", true},
		{"installations/a", forged, "", true},
		{"installations/a", unknown, "edu.example/a/federation/3", false},
		{"installations/b", revoked, "", true},
	} {
		if told := refused.Tell(t.Context(), come.name, come.code, come.claims, at.Add(time.Duration(i)*15*time.Second)); told != come.told {
			t.Errorf("%d: of %+v it was told: %t", i, come, told)
		}
	}
	if diff := cmp.Diff(map[federationv1.Code]int64{forged: 3, revoked: 1, unknown: 1}, refused.Told()); diff != "" {
		t.Errorf("counted: %s", diff)
	}
	got := out.String()
	for line, times := range map[string]int{
		"level=WARN": 5,
		"installation=installations/a code=CODE_BAD_SIGNATURE":                                 2,
		"installation=installations/a code=CODE_UNKNOWN_LOG claims=edu.example/a/federation/2": 1,
		"installation=installations/b code=CODE_REVOKED":                                       1,
	} {
		if strings.Count(got, line) != times {
			t.Errorf("%q is told %d times:\n%s", line, strings.Count(got, line), got)
		}
	}
}
