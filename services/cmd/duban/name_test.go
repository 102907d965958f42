package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/suite"
)

// yichang makes an installation that is not named as the default is, and ends it.
func yichang(t *testing.T) suite.Config {
	t.Helper()
	c := settings(t.TempDir())
	c.Installation = "hubei/yichang"
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	return c
}

// TestTheDataKnowTheirName: whoever checks them need not be told it, and who is
// told another one is told so, once.
func TestTheDataKnowTheirName(t *testing.T) {
	c := yichang(t)
	other := settings(c.Data)
	for _, args := range [][]string{{"fsck"}, {"fsck", rebuildFlag}, {"recount"}} {
		runs(t, nil, append(args, c.Data)...)
		runs(t, nil, append(args, "-config", file(t, c), c.Data)...)
		said := runs(t, config.ErrWrong, append(args, "-config", file(t, other), c.Data)...)
		if said != "" {
			t.Errorf("duban %v said, beside its error:\n%s", args, said)
		}
	}
	err := run(t.Context(), []string{"fsck", "-config", file(t, other), c.Data}, io.Discard)
	if exit(err) != exitConfig || !strings.Contains(err.Error(), "hubei/yichang") || !strings.Contains(err.Error(), other.Installation) {
		t.Errorf("fsck = %v", err)
	}
}

// TestAnotherNameDoesNotStart: a process that is told another installation's name
// than its data have, or none, says both and writes nothing.
func TestAnotherNameDoesNotStart(t *testing.T) {
	c := yichang(t)
	before := files(t, c.Data)
	c.Installation = suite.Default().Installation
	d := launch(t, c)
	d.ends(exitConfig)
	for _, name := range []string{"hubei/yichang", c.Installation} {
		if !strings.Contains(d.log.String(), name) {
			t.Errorf("it does not say %s:\n%s", name, d.log)
		}
	}
	_, err := suite.Open(t.Context(), c, suite.Options{Out: t.Output(), Now: time.Now, Roles: []string{"organization", "event"}})
	if !errors.Is(err, config.ErrWrong) {
		t.Errorf("serving a role = %v", err)
	}
	if !maps.Equal(before, files(t, c.Data)) {
		t.Error("the data have changed")
	}
}

// TestAMissingKeyIsNamed by where it should lie.
func TestAMissingKeyIsNamed(t *testing.T) {
	data := t.TempDir()
	err := run(t.Context(), []string{"fsck", data}, io.Discard)
	if want := filepath.Join(data, "installation.key"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("fsck = %v, want it to name %s", err, want)
	}
}

// TestAWrongConfigurationEndsWithItsOwnStatus, which tells whoever starts the process
// that starting it again does not help.
func TestAWrongConfigurationEndsWithItsOwnStatus(t *testing.T) {
	for name, text := range map[string]string{
		"a key twice":      "http: 127.0.0.1:1\nhttp: 127.0.0.1:1\n",
		"a wrong value":    "grace: 1h\n",
		"an unknown key":   "htpp: 127.0.0.1:1\n",
		"no YAML":          "{",
		"a missing secret": "peers: {keys: none}\n",
		"a missing paper":  "http: '127.0.0.1:0'\ngrpc: '127.0.0.1:0'\nmetrics: ''\nfederation: {listen: '127.0.0.1:0', certificate: none, key: none, client_ca: none}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "duban.yaml")
			if err := os.WriteFile(path, []byte("data: "+t.TempDir()+"\n"+text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := run(t.Context(), []string{"standalone", "-config", path}, io.Discard); exit(err) != exitConfig {
				t.Errorf("standalone = %v", err)
			}
		})
	}
	for _, args := range [][]string{{"standalone", "-config", "none.yaml"}, {"serve", "-config", "none.yaml", "campaign"}, {"sandbox", "-config", "none.yaml"}, {"fsck", "-config", "none.yaml", "data"}} {
		if err := run(t.Context(), args, io.Discard); exit(err) != exitConfig {
			t.Errorf("duban %v = %v", args, err)
		}
	}
}
