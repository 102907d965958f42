package streams_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/streams"
)

// TestWhoIsRefusedIsToldOf once a minute, each installation for itself.
func TestWhoIsRefusedIsToldOf(t *testing.T) {
	var out bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(was) })
	var refused streams.Refused
	at := time.Unix(2e9, 0)
	for i, name := range []string{"installations/a", "installations/a", "installations/b", "installations/a"} {
		refused.Tell(t.Context(), name, federationv1.Code_CODE_BAD_SIGNATURE, at.Add(time.Duration(i)*20*time.Second))
	}
	refused.Tell(t.Context(), "installations/b", federationv1.Code_CODE_REVOKED, at.Add(2*time.Minute))
	got := out.String()
	if strings.Count(got, "level=WARN") != 4 || strings.Count(got, "installation=installations/a code=CODE_BAD_SIGNATURE") != 2 || !strings.Contains(got, "installation=installations/b code=CODE_REVOKED") {
		t.Errorf("it was told:\n%s", got)
	}
}
