package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestWhatLiesBesideTheStores: where the note of how long logs have been says more than a log
// has or is damaged, fsck says so, and where the key is damaged or missing, a start ends with a
// status after which none is tried again, and names the file.
func TestWhatLiesBesideTheStores(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	origin := c.Origin("organization", 1)
	for name, x := range map[string]struct {
		file, text  string // "" is none
		fsck, start int
		says        string // of fsck
	}{
		"longer":            {noted, `{"` + origin + `": 1048576}`, exitWrong, exitOK, "it had 1048576 entries, and has "},
		"a later era":       {noted, `{"` + c.Origin("organization", 7) + `": 1}`, exitWrong, exitOK, "it is in the era 1, and was in 7"},
		"the same":          {noted, `{"` + origin + `": 1}`, exitOK, exitOK, ""},
		"half a note":       {noted, `{"` + origin, exitWrong, exitWrong, noted + ": the note of how long the logs have been is damaged"},
		"a note of nothing": {noted, `null`, exitWrong, exitWrong, noted + ": the note of how long the logs have been is damaged"},
		"half a key":        {"installation.key", "x", exitWrong, exitWrong, ""},
		"no key":            {"installation.key", "", exitConfig, exitConfig, ""},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			path := filepath.Join(data, x.file)
			err := errors.Join(os.CopyFS(data, os.DirFS(c.Data)), os.Remove(path))
			if x.text != "" {
				err = errors.Join(err, os.WriteFile(path, []byte(x.text), 0o600))
			}
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err = run(t.Context(), []string{"fsck", data}, &out)
			if exit(err) != x.fsck || !strings.Contains(out.String(), x.says) {
				t.Errorf("fsck = %v:\n%s", err, &out)
			}
			if x.start == exitOK {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience) // should it serve
			defer cancel()
			err = run(ctx, []string{"standalone", "-config", file(t, settings(data))}, t.Output())
			if exit(err) != x.start || !strings.Contains(err.Error(), path) {
				t.Errorf("a start = %v", err)
			}
		})
	}

	// Of several processes each has a note of its own.
	split := t.TempDir()
	for _, role := range suite.Called() {
		if err := os.CopyFS(filepath.Join(split, role), os.DirFS(c.Data)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.CopyFS(filepath.Join(split, "keys"), os.DirFS(c.Data)),
		os.WriteFile(filepath.Join(split, "organization", noted), []byte(`{"`+origin+`": 1048576}`), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if told := fsckSays(t, errWrong, split); strings.Count(told, " 1 wrong\n") != 1 || !strings.Contains(told, "it had 1048576 entries") {
		t.Errorf("fsck of several folders said:\n%s", told)
	}
}

// TestFsckOutlivesAnotherVersion: a store of another version is a finding, and the others are
// checked all the same; the status says a version if nothing else is wrong.
func TestFsckOutlivesAnotherVersion(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	if err := run(t.Context(), []string{"fsck", c.Data}, t.Output()); exit(err) != exitConfig {
		t.Errorf("fsck of what runs = %v", err)
	}
	d.stop()
	for _, command := range []string{"fsck", "recount"} {
		if err := run(t.Context(), []string{command, filepath.Join(c.Data, "none")}, t.Output()); exit(err) != exitConfig {
			t.Errorf("%s of nothing = %v", command, err)
		}
	}
	put(t, filepath.Join(c.Data, "complaint.db"), store.VersionBucket, "version", store.Number(9))
	told := fsckSays(t, store.ErrVersion, c.Data)
	if strings.Count(told, " 1 wrong\n") != 1 || strings.Count(told, " 0 wrong\n") != len(suite.Called())-1 {
		t.Errorf("fsck said:\n%s", told)
	}
	if err := run(t.Context(), []string{"fsck", c.Data}, t.Output()); exit(err) != exitVersion {
		t.Errorf("fsck = %v", err)
	}
	plant(t, filepath.Join(c.Data, "rectification.db"), "rectification.cursors", "campaign.issued")
	told = fsckSays(t, errWrong, c.Data)
	if strings.Count(told, " 1 wrong\n") != 2 {
		t.Errorf("fsck said:\n%s", told)
	}
}

// TestFsckHoldsTheFormOfWhatIsBeside: a row that no service writes is named wherever the
// form of a bucket's rows is known, and so is one of the right form that belongs to nothing.
func TestFsckHoldsTheFormOfWhatIsBeside(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	fsckSays(t, nil, c.Data)
	digest, n := strings.Repeat("d", 32), string(store.Number(1))
	stray := func(of string) string { return "what belongs to nothing in " + of }
	delivery, err := proto.Marshal(&eventv1.Delivery{Name: "webhooks/none/deliveries/1", State: eventv1.Delivery_STATE_PENDING})
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ bucket, key, value, what string }
	for role, rows := range map[string][]row{
		"organization": {
			{"key.digests", "none", digest, stray("duban.organization.v1.ApiKey")},
			{"key.digests", "bootstrap", digest, "a bootstrap key that lives where units are"},
			{"key.uses", "none", "2026-01-01 1", stray("duban.organization.v1.ApiKey")},
			{"key.uses", "line/none", "2026-01-01 1", stray("duban.organization.v1.ApiKey")},
			{"bootstrap.unshown", "bootstrap", "", "a key that is to be shown and opens nothing"},
			{"identity.accounts", digest, "identities/none", "a link that is not of this account"},
		},
		"evaluation": {
			{"ballot.peppers", "rounds/none", digest, "the pepper of a round that is not open"},
			{"ballot.codes", "rounds/none\x00" + digest, "\x00", stray("ballot.peppers")},
			{"ballot.waiting", "rounds/none\x00" + digest, "", stray("ballot.staged")},
		},
		"event": {
			{"event.head", "x", "", ""},
			{"event.queues", "webhooks/none", n + n, stray("duban.event.v1.Webhook")},
			{"event.deliveries", "webhooks/none\x00" + n, n + string(delivery), stray("event.queues")},
			{"event.secrets", "webhooks/none", `{"Current":"eA=="}`, stray("event.queues")},
		},
		"campaign":      {{"campaign.calendar", "x", "", ""}, {"campaign.archived", "units/root", "2026-02-30", ""}},
		"rectification": {{"rectification.calendar", "x", "", ""}, {"rectification.archived", "root", "2026-02-03", ""}, {"rectification.closed", "campaigns/none", "2026", ""}},
		"complaint": {
			{"complaint.calendar", "x", "", ""},
			{"complaint.orders", "complaints/none", "sealed", stray("duban.complaint.v1.Complaint")},
			{"complaint.orders.aside", "complaints/none", n + "aside"[:4], stray("duban.complaint.v1.Complaint")},
		},
		"federation": {{"heard", "installations/none/none.campaign", "", ""}, {"anchored", "duban/none/campaign/1", "duban/none/campaign/2\n", ""}},
	} {
		path := filepath.Join(c.Data, role+".db")
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{"store", "x", "x", "what nobody reads"})
		for _, is := range slices.Clone(rows) { // and garbage in each
			rows = append(rows, row{is.bucket, "x", "x", "what "})
		}
		for _, is := range rows {
			put(t, path, is.bucket, is.key, []byte(is.value))
			want := fmt.Sprintf("first: %s has under %q %s", is.bucket, is.key, cmp.Or(is.what, "what the service does not write"))
			if told := fsckSays(t, errWrong, c.Data); !strings.Contains(told, want) || strings.Count(told, " 1 wrong\n") != 1 {
				t.Errorf("%s: fsck does not say %s:\n%s", is.bucket, want, told)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}

	for _, role := range []string{"complaint", "rectification"} {
		path := filepath.Join(c.Data, role+".db")
		put(t, path, role+".cursors", "none", store.Number(1))
		want := fmt.Sprintf("first: %s.cursors has %q, and %s reads no such feed", role, "none", role)
		if told := fsckSays(t, errWrong, c.Data); !strings.Contains(told, want) {
			t.Errorf("fsck does not say %s:\n%s", want, told)
		}
	}

	put(t, filepath.Join(c.Data, "organization.db"), "key.digests", "bootstrap", []byte(digest))
	put(t, filepath.Join(c.Data, "organization.db"), "bootstrap.unshown", "bootstrap", nil)
	d = boot(t, c)
	d.stop()
	if shown := d.printed(); len(shown) > 0 {
		t.Errorf("%d keys were shown where units are", len(shown))
	}
	if told := fsckSays(t, errWrong, c.Data); strings.Contains(told, "bootstrap") {
		t.Errorf("a start does not bury the key:\n%s", told)
	}
}
