package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/authn/oidc"
)

// sandboxIn opens a sandbox in the folder, and closes it at the end of the test.
func sandboxIn(t *testing.T, folder string, wanted bool) (*Suite, error) {
	t.Helper()
	c := Default()
	c.Sandbox.Data = folder
	s, err := Open(t.Context(), c.AsSandbox(), Options{Out: t.Output(), Now: time.Now, Sandbox: wanted})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

func TestASandboxStaysOneAndItsKeysAreItsOwn(t *testing.T) {
	folder := t.TempDir()
	s, err := sandboxIn(t, folder, true)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Process.Sandbox || !strings.HasPrefix(s.Bootstrap, "dubansandbox_") {
		t.Errorf("it is a sandbox: %v, and its first key begins as it should: %v", s.Process.Sandbox, strings.HasPrefix(s.Bootstrap, "dubansandbox_"))
	}
	c := Default()
	c.Sandbox.Data = folder
	if err := ResetSandbox(c.AsSandbox()); err == nil {
		t.Error("a sandbox that runs was removed")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := sandboxIn(t, folder, false)
	if err != nil || !again.Process.Sandbox {
		t.Fatalf("started again, it is no sandbox: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ResetSandbox(c.AsSandbox()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("after a reset there is %v", err)
	}
}

func TestNothingElseBecomesASandboxOrIsRemoved(t *testing.T) {
	folder := t.TempDir()
	real, err := sandboxIn(t, folder, false)
	if err != nil {
		t.Fatal(err)
	}
	if real.Process.Sandbox || !strings.HasPrefix(real.Bootstrap, "duban_") {
		t.Error("a real installation is taken for a sandbox")
	}
	if err := real.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sandboxIn(t, folder, true); err == nil {
		t.Error("an installation became a sandbox")
	}
	c := Default()
	c.Data = folder
	if err := ResetSandbox(c); err == nil {
		t.Error("an installation was removed")
	}
	if _, err := os.Stat(filepath.Join(folder, "organization.db")); err != nil {
		t.Error(err)
	}
	c.Data = filepath.Join(folder, "none")
	if err := ResetSandbox(c); err != nil {
		t.Errorf("where there is nothing: %v", err)
	}
}

// TestASandboxIsBoundToNobody: whatever the installation beside it is bound to.
func TestASandboxIsBoundToNobody(t *testing.T) {
	c := Default()
	c.Identity.Issuers = []oidc.Issuer{{Issuer: "https://id.example", Audience: "duban"}}
	c.Peers.Listen = "127.0.0.1:7000"
	c.Installation, c.Limits.Rate = "hubei/yichang", 7
	c.Webhooks.AllowLoopback = true
	s := c.AsSandbox()
	if len(s.Identity.Issuers) > 0 || s.Peers.Listen != "" || s.Installation == c.Installation || s.Data == c.Data || s.HTTP == c.HTTP || s.Limits.Rate != 7 || s.Webhooks.AllowLoopback {
		t.Errorf("the sandbox is %+v", s)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}
