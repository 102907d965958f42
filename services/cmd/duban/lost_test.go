package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/suite"
)

// noted is the file by which a store that was put back is noticed, if it is there.
const noted = "high-water.json"

// grownUp is an installation that was stopped, and what its data were before its last
// writes. Both have gone on from the same, and not with the same.
type grownUp struct {
	suite.Config
	keys   admins
	early  string // the data before
	other  string // those with others written after
	ledger string
}

func growsUp(t *testing.T) grownUp {
	t.Helper()
	g := grownUp{Config: settings(filepath.Join(t.TempDir(), "data")), early: filepath.Join(t.TempDir(), "early")}
	d := boot(t, g.Config)
	g.keys = initialize(t, d)
	g.ledger = g.writes(t, d, "first", 1)
	d.stop()
	g.early, g.other = g.copied(t), g.copied(t)
	for data, n := range map[string]int{g.Data: 1, g.other: 4} {
		c := settings(data)
		d := boot(t, c)
		g.writes(t, d, "then", n)
		d.stop()
	}
	return g
}

// writes enters n problems for each of several callers, and waits until they are counted.
func (g grownUp) writes(t *testing.T, d *child, name string, n int) (ledger string) {
	t.Helper()
	on := d.as(g.keys)
	l := newLoad(t, on, name)
	l.most = n
	<-l.start(t.Context(), on, writers)
	if len(l.errs) > 0 {
		t.Fatalf("writing: %v", l.errs[0])
	}
	l.counted(t, on)
	return l.ledger
}

// copied is a copy of the data.
func (g grownUp) copied(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(data, os.DirFS(g.Data)); err != nil {
		t.Fatal(err)
	}
	return data
}

// without is a copy of the data without some of its files.
func (g grownUp) without(t *testing.T, names ...string) suite.Config {
	t.Helper()
	data := g.copied(t)
	for _, name := range names {
		if err := os.Remove(filepath.Join(data, name)); err != nil {
			t.Fatal(err)
		}
	}
	return settings(data)
}

// with is a copy of the data with the store of a role from elsewhere, which nothing but the
// other stores tells of.
func (g grownUp) with(t *testing.T, role, from string) suite.Config {
	t.Helper()
	c := g.without(t, noted, role+".db")
	b, err := os.ReadFile(filepath.Join(from, role+".db"))
	if err := errors.Join(err, os.WriteFile(filepath.Join(c.Data, role+".db"), b, 0o600)); err != nil {
		t.Fatal(err)
	}
	return c
}

// isHeld starts the data twice: the log of the role is held, says why, and no key of the
// first start is shown. Others may be written.
func (g grownUp) isHeld(t *testing.T, c suite.Config, role, why string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(c.Data, "rectification.db"))
	probes := role == "rectification" && err == nil && info.Size() > 0
	for range 2 {
		d := boot(t, c)
		if probes { // the ledger is there
			w := write{id: "probe", kind: aProblem, parent: g.ledger, text: "probe"}
			if _, err := w.send(t.Context(), d.as(g.keys)); reason(err) != "LOG_INCOMPLETE" {
				t.Errorf("writing = %v", err)
			}
		}
		backup := []string{"backup", "-config", file(t, c), filepath.Join(t.TempDir(), "backup")}
		if err := run(t.Context(), backup, io.Discard); err == nil || !strings.Contains(err.Error(), role) || !strings.Contains(err.Error(), "could be restored") {
			t.Errorf("a backup = %v", err)
		}
		d.stop()
		if log := d.log.String(); !strings.Contains(log, `"feed":"`+role+`"`) || !strings.Contains(log, why) {
			t.Errorf("a start of data without %s does not say %q:\n%s", role, why, log)
		}
		select {
		case <-d.keys:
			t.Errorf("without %s, a bootstrap key was shown", role)
		default:
		}
	}
	if told := fsckSays(t, errWrong, c.Data); !strings.Contains(told, why) && !strings.Contains(told, "made anew") {
		t.Errorf("fsck does not say %q:\n%s", why, told)
	}
}

// TestALogThatIsShorterThanItsReadersKnowIsHeld, whoever took the file of marks away too:
// an older store, one of another history, and one that is made anew because there is none.
func TestALogThatIsShorterThanItsReadersKnowIsHeld(t *testing.T) {
	t.Parallel()
	g := growsUp(t)
	for name, c := range map[string]struct {
		role, from, why string
	}{
		"older":                       {"rectification", g.early, "has read"},
		"older, of who is first":      {"organization", g.early, "has read"},
		"another history, longer":     {"rectification", g.other, "is not the one that"},
		"none":                        {"rectification", "", "has read"},
		"none of who is first":        {"organization", "", "has read"},
		"none that anybody follows":   {"event", "", "was made anew"},
		"none, and nothing was in it": {"complaint", "", "was made anew"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.from != "" {
				data := g.with(t, c.role, c.from)
				if told := fsckSays(t, errWrong, data.Data); !strings.Contains(told, c.why) {
					t.Errorf("fsck does not say %q:\n%s", c.why, told)
				}
				g.isHeld(t, data, c.role, c.why)
				return
			}
			g.isHeld(t, g.without(t, noted, c.role+".db"), c.role, c.why)
		})
	}
	t.Run("with the file of marks", func(t *testing.T) {
		t.Parallel()
		g.isHeld(t, g.without(t, "organization.db"), "organization", "has lost its tail")
	})
}

// TestAnEraIsOfWhatNobodyHasReadOn: a store that nobody knows more of goes on in a new
// era; one of which others have read more does not.
func TestAnEraIsOfWhatNobodyHasReadOn(t *testing.T) {
	t.Parallel()
	g := growsUp(t)
	open := func(data string) error {
		return run(t.Context(), []string{"era", "-reason", "a rehearsal", "-approvers", bothOfThem, data}, io.Discard)
	}
	older := g.with(t, "rectification", g.early)
	before := files(t, older.Data)
	if err := open(older.Data); err == nil || !strings.Contains(err.Error(), "restore all stores from one backup") {
		t.Errorf("an era of an older store = %v", err)
	}
	if !maps.Equal(before, files(t, older.Data)) {
		t.Error("some logs are in an era that one of them is refused")
	}
	for _, role := range []string{"complaint", "event"} {
		lost := g.without(t, noted, role+".db")
		g.isHeld(t, lost, role, "was made anew")
		if err := open(lost.Data); err != nil {
			t.Fatal(err)
		}
		clean(t, lost)
		d := boot(t, lost)
		g.writes(t, d, "again", 1)
		d.stop()
		if strings.Contains(d.log.String(), "made anew") {
			t.Errorf("%s is held:\n%s", role, d.log)
		}
		clean(t, lost)
	}
}

// TestAFollowerNoticesWhatItsFeedHasLost: of several processes none knows the stores of the
// others. The figures say that they are not those of the feed, also once it has grown past
// what was counted, and go on when the store is back.
func TestAFollowerNoticesWhatItsFeedHasLost(t *testing.T) {
	t.Parallel()
	s := sail(t)
	on := caller{dial(t, s.rpc), s.keys}
	l := newLoad(t, on, "load")
	l.most = 1
	<-l.start(t.Context(), on, writers)
	l.counted(t, on)
	data := filepath.Join(filepath.Dir(s.Config("rectification")), "rectification")
	anew := func(do func() error) {
		t.Helper()
		if err := errors.Join(s.Ship("rectification").Kill(), do(), s.Begin("rectification"), s.Ready(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	is := func(lost bool) func() bool {
		return func() bool {
			res, err := on.figures().GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: l.parent})
			if err != nil {
				return false
			}
			for _, f := range res.GetFreshness() {
				if f.GetService() == "rectification" {
					return f.GetLost() == lost && f.GetCurrent() == !lost
				}
			}
			return false
		}
	}
	eventually(t, "the figures are current", is(false))
	away := filepath.Join(t.TempDir(), "rectification.db")
	anew(func() error {
		return errors.Join(os.Rename(filepath.Join(data, "rectification.db"), away), os.Remove(filepath.Join(data, noted)))
	})
	eventually(t, "the figures say that the feed has lost what is counted", is(true))
	anew(func() error { return os.Rename(away, filepath.Join(data, "rectification.db")) })
	eventually(t, "the figures are current again", is(false))
	l.counted(t, on)
}

// TestABackupIsNotAmongTheData that it is to outlive, by whatever way.
func TestABackupIsNotAmongTheData(t *testing.T) {
	c := settings(filepath.Join(t.TempDir(), "data"))
	d := boot(t, c)
	initialize(t, d)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(c.Data, link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{filepath.Join(c.Data, "backup"), filepath.Join(c.Data, "blobs", "a", "backup"), filepath.Join(link, "backup")} {
		if err := run(t.Context(), []string{"backup", "-config", file(t, c), to}, io.Discard); err == nil || !strings.Contains(err.Error(), "lies in the data folder") {
			t.Errorf("a backup to %s = %v", to, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(c.Data, "*unfinished*")); err != nil || len(left) > 0 {
		t.Errorf("%v was left, %v", left, err)
	}
	runs(t, nil, "backup", "-config", file(t, c), c.Data+"-backup")
	d.stop()
}
