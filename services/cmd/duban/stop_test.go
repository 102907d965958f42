package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// callers is how many write when a child is told to stop.
const callers = 32

// TestStopUnderLoad: a stop needs less than its grace, so less than ten seconds, and
// ends with status 0, whoever writes or waits, and however often it is asked for.
// Calls end with success or are refused as unavailable, and nothing acknowledged is
// lost.
func TestStopUnderLoad(t *testing.T) {
	for name, signals := range map[string]int{"once": 1, "twice": 2} {
		t.Run(name, func(t *testing.T) {
			c := settings(t.TempDir())
			d := boot(t, c)
			keys := initialize(t, d)
			on := d.as(keys)
			l := newLoad(t, on, name)
			waits := d.wait(t, keys)
			written := l.start(t.Context(), on, callers)
			<-time.After(200 * time.Millisecond)
			for range signals {
				d.term()
			}
			d.ends(exitOK)
			<-written
			<-waits
			said := d.log.String()
			if strings.Contains(said, "cut off") {
				t.Errorf("calls were cut off:\n%s", said)
			}
			for _, line := range []string{`"msg":"stopping","cause":"terminated signal received"`, `"msg":"stopped","took":`} {
				if strings.Count(said, line) != 1 {
					t.Errorf("the log has %s not once:\n%s", line, said)
				}
			}
			for _, err := range l.errs {
				if status.Code(err) != codes.Unavailable {
					t.Errorf("a call after the signal = %v, want Unavailable", err)
				}
			}
			clean(t, c)
			d = boot(t, c)
			on = d.as(keys)
			l.kept(t, on)
			l.repeat(t, on)
			d.stop()
			t.Logf("%d acknowledged, %d refused", len(l.acked), callers)
		})
	}
}

// TestAStopThatLosesOnlyNotesIsClean: the collector is away, and the note of how long the
// logs are cannot be written. Both are logged, and the status is 0.
func TestAStopThatLosesOnlyNotesIsClean(t *testing.T) {
	c := settings(t.TempDir())
	away, err := net.Listen("tcp", "127.0.0.1:0") // which never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = away.Close() }()
	c.Telemetry.OTLPEndpoint, c.Telemetry.OTLPInsecure, c.Telemetry.Sample = away.Addr().String(), true, 1
	note := filepath.Join(c.Data, "high-water.json")
	d := boot(t, c)
	if err := errors.Join(os.RemoveAll(note), os.MkdirAll(filepath.Join(note, "in the way"), 0o700)); err != nil {
		t.Fatal(err)
	}
	initialize(t, d)
	d.term()
	d.ends(exitOK)
	for _, line := range []string{`"msg":"noting how long the logs are"`, `"msg":"the newest spans are lost"`, `"msg":"stopped","took":`} {
		if said := d.log.String(); !strings.Contains(said, line) {
			t.Errorf("the log lacks %s:\n%s", line, said)
		}
	}
	if err := os.RemoveAll(note); err != nil {
		t.Fatal(err)
	}
	clean(t, settings(c.Data))
}

// wait keeps a caller of each API waiting for entries that do not come for half
// a minute, and returns a channel that is closed when both were answered.
func (d *child) wait(t *testing.T, keys admins) <-chan struct{} {
	t.Helper()
	on := d.as(keys)
	quiet := feedOf(t, on)
	done, began := make(chan struct{}), make(chan struct{}, 2)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	go func() {
		defer close(done)
		rest := make(chan struct{})
		go func() {
			defer close(rest)
			began <- struct{}{}
			d.poll(ctx, keys, quiet)
		}()
		began <- struct{}{}
		_, _ = on.feed().ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: quiet.GetName(), Start: quiet.GetSize(), Wait: durationpb.New(patience)})
		<-rest
	}()
	<-began
	<-began
	return done
}

// poll waits by REST.
func (d *child) poll(ctx context.Context, keys admins, cp *feedv1.Checkpoint) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.http+"/v1/"+cp.GetName()+"/records?wait=30s", nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+keys.auditor)
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

// feedOf returns the checkpoint of a feed in which nothing happens.
func feedOf(t *testing.T, on caller) *feedv1.Checkpoint {
	t.Helper()
	cp, err := on.feed().GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/evaluation"})
	if err != nil {
		t.Fatal(err)
	}
	return cp
}
