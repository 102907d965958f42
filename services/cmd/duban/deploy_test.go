package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

const deploy = "../../../deploy"

// order is a command as a file of deploy/ gives it, without the program.
type order struct {
	file  string
	words []string
}

// TestWhatIsDeployedCanBeStarted: every command in deploy/ exists and takes the
// flags that it is given, every configuration named there is right, and every
// role in it is one.
func TestWhatIsDeployedCanBeStarted(t *testing.T) {
	configs := configurations(t)
	found := map[string]int{}
	for _, o := range orders(t) {
		found[o.words[0]]++
		if err := o.try(configs); err != nil {
			t.Errorf("%s: duban %s: %v", o.file, strings.Join(o.words, " "), err)
		}
	}
	if found["standalone"] < 3 || found["serve"] < 9 || found["health"] != 1 {
		t.Errorf("only %v was found", found)
	}
}

// TestEveryContainerHasAPlaceForBackups, if it has a store: it can write nowhere else but
// where its data are.
func TestEveryContainerHasAPlaceForBackups(t *testing.T) {
	for _, file := range []string{"docker/compose.yaml", "docker/compose.split.yaml"} {
		services, _ := documents(t, file)[0]["services"].(map[string]any)
		for name, one := range services {
			if name == "gateway" {
				continue // it has no store
			}
			mounted, _ := one.(map[string]any)["volumes"].([]any)
			own := map[any]bool{"./backup:/backup": len(services) == 1, "./backup/" + name + ":/backup": len(services) > 1}
			if !slices.ContainsFunc(mounted, func(volume any) bool { return own[volume] }) {
				t.Errorf("%s: %s has only %v", file, name, mounted)
			}
		}
		if len(services) == 0 {
			t.Errorf("%s has no services", file)
		}
	}
}

// try reads the order's flags and what they name, as the command does.
func (o order) try(configs map[string]string) error {
	switch o.words[0] {
	case "health":
		_, err := url.Parse(o.words[1])
		return err
	case "restore":
		if len(o.words) != 5 || o.words[1] != "-key" {
			return fmt.Errorf("takes -key KEY BACKUP DATA")
		}
		return nil
	case "standalone", "serve":
	default:
		return fmt.Errorf("is not looked at here")
	}
	args := slices.Clone(o.words[1:])
	for i, word := range args {
		if path := configs[filepath.Base(word)+" of "+o.file]; path != "" {
			args[i] = path
		} else if path := configs[filepath.Base(word)]; path != "" {
			args[i] = path
		}
	}
	s, err := flags(o.words[0], args)
	for _, role := range s.args {
		if !slices.Contains(suite.Roles(), role) && role != "ROLE" && role != "%i" {
			err = errors.Join(err, fmt.Errorf("there is no role %s", role))
		}
	}
	if (o.words[0] == "serve") != (len(s.args) == 1) {
		err = errors.Join(err, fmt.Errorf("it has the arguments %q", s.args))
	}
	return err
}

// configurations are the files that commands may name, by their names and, where
// a file of deploy/ has its own, by that too.
func configurations(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"duban.yaml": deploy + "/duban.yaml", "role.yaml": deploy + "/docker/role.yaml", "%i.yaml": deploy + "/docker/role.yaml"}
	all["duban.yaml of docker/compose.yaml"] = deploy + "/docker/duban.yaml"
	for _, from := range []string{"kubernetes/standalone.yaml", "kubernetes/split.yaml"} {
		for _, d := range documents(t, from) {
			data, _ := d["data"].(map[string]any)
			for name, text := range data {
				path := filepath.Join(t.TempDir(), name)
				if err := os.WriteFile(path, []byte(text.(string)), 0o600); err != nil {
					t.Fatal(err)
				}
				all[name+" of "+strings.Replace(from, "split", "role", 1)] = path
			}
		}
	}
	return all
}

// documents decodes a YAML file of deploy/.
func documents(t *testing.T, name string) (all []map[string]any) {
	t.Helper()
	f, err := os.Open(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	for d := yaml.NewDecoder(f); ; {
		var one map[string]any
		switch err := d.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, one)
	}
}

var (
	started = regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/duban (.*)$`)
	quoted  = regexp.MustCompile(`(?m)(?:CMD|ENTRYPOINT) (\[.*\])$`)
)

// orders finds them.
func orders(t *testing.T) (all []order) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(deploy), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(deploy, name))
		switch {
		case path.Ext(name) == ".service":
			for _, m := range started.FindAllSubmatch(text, -1) {
				all = append(all, order{name, strings.Fields(string(m[1]))})
			}
		case path.Base(name) == "Dockerfile":
			for _, m := range quoted.FindAllSubmatch(text, -1) {
				var words []string
				if err := json.Unmarshal(m[1], &words); err != nil {
					return err
				}
				if words = slices.DeleteFunc(words, func(w string) bool { return w == "/usr/local/bin/duban" }); len(words) > 0 {
					all = append(all, order{name, words})
				}
			}
		case path.Ext(name) == ".yaml":
			for _, one := range documents(t, name) {
				all = append(all, named(name, one)...)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// named finds orders in YAML, under the names that compose and Kubernetes have
// for them.
func named(file string, in any) (all []order) {
	switch v := in.(type) {
	case []any:
		for _, one := range v {
			all = append(all, named(file, one)...)
		}
	case map[string]any:
		if image, ok := v["image"]; ok && image != "duban" {
			return nil // of another program
		}
		for key, one := range v {
			if words, ok := one.([]any); ok && (key == "command" || key == "args") {
				o := order{file: file}
				for _, w := range words {
					o.words = append(o.words, fmt.Sprint(w))
				}
				all = append(all, o)
				continue
			}
			all = append(all, named(file, one)...)
		}
	}
	return all
}

// TestEveryPodMayReachWhatItIsConfiguredFor: names, and what is outside; a policy
// that lets nothing out makes settings of the configuration ineffective.
func TestEveryPodMayReachWhatItIsConfiguredFor(t *testing.T) {
	for _, name := range []string{"kubernetes/standalone.yaml", "kubernetes/split.yaml"} {
		ports := map[any]bool{}
		for _, d := range documents(t, name) {
			spec, _ := d["spec"].(map[string]any)
			rules, _ := spec["egress"].([]any)
			for _, rule := range rules {
				for _, p := range rule.(map[string]any)["ports"].([]any) {
					ports[p.(map[string]any)["port"]] = true
				}
			}
		}
		if !ports[53] || !ports[443] {
			t.Errorf("%s lets out to %v alone", name, ports)
		}
	}
}

// TestAServiceIsStartedAgainAfterACrash, with whose status no refusal to start may
// be taken for another.
func TestAServiceIsStartedAgainAfterACrash(t *testing.T) {
	const crash = 2 // of the Go runtime
	final := fmt.Sprintf("\nRestartPreventExitStatus=%d %d %d\n", exitConfig, exitVersion, exitWrong)
	for _, name := range []string{"duban.service", "duban@.service"} {
		unit, err := os.ReadFile(filepath.Join(deploy, "systemd", name))
		if err != nil || !bytes.Contains(unit, []byte(final)) {
			t.Errorf("%s lacks %q: %v", name, final, err)
		}
	}
	for _, err := range []error{errUsage, config.ErrWrong, store.ErrVersion} {
		if exit(err) == crash {
			t.Errorf("%v ends as a crash does", err)
		}
	}
}

// TestKeysCanBeGivenToTheService: its user is there before it runs, so that files can
// be made readable for it, and the installer makes that user.
func TestKeysCanBeGivenToTheService(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(deploy, "systemd", "duban.service"))
	installer, other := os.ReadFile(filepath.Join(deploy, "install.sh"))
	if err := errors.Join(err, other); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(unit, []byte("\nUser=duban\n")) || bytes.Contains(unit, []byte("DynamicUser=")) {
		t.Error("duban.service has no user to whom a file can belong")
	}
	if !regexp.MustCompile(`(?m)^\s*useradd --system .* duban$`).Match(installer) {
		t.Error("install.sh makes no user for duban.service")
	}
}

var (
	within = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|\b(?:(?:sum|max) )?(?:by|on) \([^)]*\)`)
	word   = regexp.MustCompile(`[a-z_][a-z0-9_]*\(?`)
)

// metrics are the names of those that an expression asks for.
func metrics(expr string) (names []string) {
	for _, w := range word.FindAllString(within.ReplaceAllString(expr, " "), -1) {
		if !strings.HasSuffix(w, "(") && !slices.Contains([]string{"up", "and", "or", "unless", "by", "on", "le"}, w) {
			names = append(names, w)
		}
	}
	return names
}

// below begins the names of metrics of single installations below: see
// isRestoredAlone.
const below = "duban_mirror_"

// TestEveryMetricAskedForIsShown: what rules and dashboard ask for, a process
// that was called shows.
func TestEveryMetricAskedForIsShown(t *testing.T) {
	at := suitetest.OK[map[string]string](t)(fleet.Vacant("metrics"))["metrics"]
	c := settings(t.TempDir())
	c.Metrics = at
	d := boot(t, c)
	keys := initialize(t, d)
	d.poke(t, keys)
	var lacks []string
	defer func() {
		if len(lacks) > 0 {
			t.Logf("without %q", lacks)
		}
	}()
	eventually(t, "every metric is shown", func() bool {
		lacks = missing(t, page(t, "http://"+at+"/metrics"))
		return len(lacks) == 0
	})
	eventually(t, "it is healthy", func() bool { // an answer that took three seconds is none
		var out strings.Builder
		err := run(t.Context(), []string{"health", "http://" + at + "/readyz"}, &out)
		if out.Len() > 0 {
			t.Errorf("health says %q", &out)
		}
		return err == nil
	})
	d.stop()
	if err := run(t.Context(), []string{"health", "http://" + at + "/readyz"}, io.Discard); exit(err) != exitError {
		t.Errorf("health of what does not run = %v", err)
	}
}

// missing is what is asked for and not shown: what takes a store longer than a second
// is left out this time.
func missing(t *testing.T, shown string) (names []string) {
	t.Helper()
	asked := 0
	for _, expr := range expressions(t) {
		for _, name := range metrics(expr) {
			asked++
			if !strings.HasPrefix(name, below) && !strings.Contains(shown, "\n"+name+"{") && !strings.Contains(shown, "\n"+name+" ") {
				names = append(names, name)
			}
		}
	}
	if asked < 30 {
		t.Errorf("only %d names were found", asked)
	}
	return names
}

// poke makes a call by REST, and a transaction that fails.
func (d *child) poke(t *testing.T, keys admins) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPatch, "http://"+d.http+"/v1/units/nobody", bytes.NewReader([]byte(`{"displayName":"x"}`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+keys.system)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}

// page reads one, with a line's end before it.
func page(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, res.Status, err)
	}
	return "\n" + string(text)
}

// fatal is the kind of failure after which nobody scrapes the process any more.
const fatal = `kind="unknown"`

// expressions are those of the rules and of the dashboard, and the dashboard's
// question for its job.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	text, err := os.ReadFile(deploy + "/grafana/dashboard.json")
	if err := errors.Join(err, json.Unmarshal(text, &board)); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	told, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range documents(t, "prometheus/rules.yaml")[0]["groups"].([]any) {
		for _, r := range group.(map[string]any)["rules"].([]any) {
			rule := r.(map[string]any)
			if strings.Contains(rule["expr"].(string), fatal) {
				t.Errorf("%s asks for %s, with which the process ends that would show it", rule["alert"], fatal)
			}
			all = append(all, rule["expr"].(string))
			if !bytes.Contains(told, []byte("`"+rule["alert"].(string)+"`")) {
				t.Errorf("docs/operating.md does not say what to do about %s", rule["alert"])
			}
		}
	}
	return all
}
