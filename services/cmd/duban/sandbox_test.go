package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// playIn starts the sandbox that the configuration describes, and returns where it
// serves once it is seeded, and what stops it.
func playIn(t *testing.T, configuration string) (base string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := sandbox(ctx, []string{"-config", configuration, "-small"}, in)
		ended <- err
		_ = in.CloseWithError(err)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("starting the sandbox: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return strings.Fields(line)[1], func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopping the sandbox: %v", err)
		}
	}
}

func TestASandboxIsSeededOnceAndSaysWhatItIs(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "duban.yaml")
	data := filepath.Join(folder, "sandbox")
	text := fmt.Sprintf("sandbox:\n  data: %s\n  http: 127.0.0.1:0\n  webhooks: {allow_loopback: true}\ntelemetry:\n  log_level: error\n", data)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		base, stop := playIn(t, file)
		written, err := os.ReadFile(filepath.Join(data, keysFile))
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]string
		if err := json.Unmarshal(written, &keys); err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"machines/portal", "machines/xingshan", "system", "units/yc/members/viewer"} {
			said := ask(t, base, keys[who])
			if said.StatusCode != http.StatusOK || said.Header.Get("Duban-Sandbox") != "true" || said.Header.Get("Duban-Simulated") != "true" {
				t.Errorf("%s: %s, %v", who, said.Status, said.Header)
			}
			if !strings.HasPrefix(keys[who], "dubansandbox_") {
				t.Errorf("the key of %s looks like a real one", who)
			}
		}
		real := strings.Replace(keys["system"], "dubansandbox_", "duban_", 1)
		if said := ask(t, base, real); said.StatusCode != http.StatusUnauthorized || said.Header.Get("Duban-Sandbox") != "true" {
			t.Errorf("a real key: %s, %v", said.Status, said.Header)
		}
		if i == 0 {
			sendTheExamples(t, base, keys["machines/xingshan"])
			followThePage(t, base, keys)
			everyEventIsOnThePage(t, base, keys["system"], 1) // what the administrators do comes first
			everyEventIsOnThePage(t, base, keys["units/yc/members/clerk"], 1000)
		}
		stop()
	}
}

func ask(t *testing.T, base, key string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/caller", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	said, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := said.Body.Close(); err != nil {
		t.Error(err)
	}
	return said
}
