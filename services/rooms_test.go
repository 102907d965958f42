package services_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "github.com/duban-project/duban/services/"

// Groups of what a package may import.
const (
	std   = "std"
	pb    = "google.golang.org/protobuf/"
	grpc  = "google.golang.org/grpc"
	proto = "github.com/duban-project/duban/proto/gen/go/duban/"
	tlog  = "golang.org/x/mod/sumdb/"
)

func rooms(names ...string) (paths []string) {
	for _, n := range names {
		paths = append(paths, root+"internal/"+n)
	}
	return paths
}

// rules says what a package (first match wins) may import of this module and of
// the world, by prefix. A rule that refuses is a design question, not a
// nuisance; a package without one is refused, which is the moment to ask whether
// it is a room.
var rules = []struct {
	pkg   string // path.Match pattern under services/
	allow []string
}{
	{".", nil},
	{"internal/fault", []string{std, pb, proto + "fault/"}},
	{"internal/lifecycle", append(rooms("fault"), std, pb)},
	{"internal/lifecycle/*", append(rooms("fault", "lifecycle"), std)},
	{"internal/calendar", []string{std}},
	{"internal/deadline", rooms("calendar")},
	{"internal/address", []string{std}},
	{"internal/scope", []string{std, proto}},
	{"internal/durable", []string{std}},
	{"internal/backup", append(rooms("durable"), std)},
	{"internal/config", []string{std, "go.yaml.in/yaml/"}},
	{"internal/store", []string{std, pb}},
	{"internal/store/storetest", append(rooms("store"), std, pb, "github.com/google/go-cmp/")},
	{"internal/store/*", append(rooms("store"), std, "go.etcd.io/bbolt")},
	{"internal/feed", append(rooms("store"), std, pb, grpc+"/codes", grpc+"/status", proto+"feed/", tlog, "github.com/transparency-dev/formats/")},
	{"internal/seat", []string{std}},
	{"internal/shipped", []string{std}},
	{"internal/portal", append(rooms("feed"), std, pb, proto)},
	{"internal/feed/*", append(rooms("store", "feed", "fault", "authn", "authz", "page", "seat"), std, pb, grpc, proto, tlog, "github.com/transparency-dev/formats/")},
	{"internal/page", append(rooms("fault"), std, pb, proto, "go.einride.tech/aip/", "google.golang.org/genproto/")},
	{"internal/media", []string{std, "github.com/gabriel-vasile/", "golang.org/x/text/encoding/"}},
	{"internal/blob", append(rooms("durable", "fault", "media", "store"), std, proto+"blob/")},
	{"internal/attachment", append(rooms("authz", "blob", "change", "fault", "store"), std, proto+"blob/")},
	{"internal/limit", []string{std, "golang.org/x/time/rate"}},
	{"internal/network", append(rooms("limit"), std, "golang.org/x/time/rate")},
	{"internal/authn", append(rooms("fault", "calendar", "limit"), std, grpc, proto)},
	{"internal/authn/oidc/oidctest", []string{std}},
	{"internal/authn/oidc", append(rooms("authn", "network"), std, "github.com/go-jose/go-jose/v4", "golang.org/x/sync/semaphore")},
	{"internal/authz", append(rooms("fault", "authn"), std, pb, proto, "google.golang.org/genproto/googleapis/api/annotations")},
	{"internal/directory", append(rooms("fault", "authn", "authz", "calendar", "feed"), std, pb, grpc, proto, "golang.org/x/sync/")},
	{"internal/clock", append(rooms("fault", "authz", "durable"), std, pb, grpc, proto)},
	{"internal/announced", append(rooms("calendar", "change", "feed", "store"), std, proto)},
	{"internal/change", append(rooms("fault", "authz", "calendar", "feed", "page", "portal", "store", "blob"), std, pb, grpc, proto, "google.golang.org/genproto/googleapis/api/annotations")},
	{"internal/archived", append(rooms("calendar", "change", "feed", "store"), std, proto)},
	{"internal/telemetry", append(rooms("store"), std, pb, grpc, "go.opentelemetry.io/", "github.com/prometheus/")},
	{"internal/text", append(rooms("fault"), std, pb, proto)},
	{"internal/wire", append(rooms("fault"), std, pb, grpc, proto+"fault/", "buf.build/")},
	{"internal/first", append(rooms("fault", "wire"), std, grpc, proto+"fault/")},
	{"internal/serve", append(rooms("fault", "first", "authn", "authz", "limit", "portal", "seat", "text", "wire"), std, pb, grpc, proto, "golang.org/x/", "google.golang.org/genproto/", "buf.build/", "github.com/fullstorydev/grpchan/")},
	{"internal/seed", append(rooms("durable"), std, tlog)},
	{"internal/papers", append(rooms("durable"), std, grpc)},
	{"internal/marks", append(rooms("durable", "feed"), std, grpc)},
	{"internal/intact", append(rooms("feed", "marks", "store"), std, pb, proto, root+"federation/recovery")},
	{"internal/web", []string{std, "github.com/duban-project/duban/gateway"}},
	{"internal/reach", append(rooms("serve"), std, pb, grpc, proto, "google.golang.org/genproto/")},
	// What puts the rooms and services together knows them all.
	{"internal/suite", []string{""}},
	{"internal/upkeep", append(rooms(""), std, pb, proto, tlog, "github.com/transparency-dev/formats/", root+"aggregation/recount", root+"complaint/recheck", root+"evaluation/recheck", root+"event/recheck", root+"federation")},
	{"internal/suitetest", []string{""}},
	{"internal/fleet", append(rooms("suite", "upkeep", "seed", "config", "durable", "feed"), std)},
	// The story is told through REST: it knows the contract alone.
	{"internal/story", append(rooms("story/"), std, proto)},
	{"internal/story/screen", append(rooms("story/picture", "story/tiers"), std, "golang.org/x/text/width")},
	{"internal/story/*", append(rooms("story", "story/"), std, pb, proto, "golang.org/x/sync/")},
	{"cmd/*", []string{""}},
	{"cmd/*/*", []string{""}},
	// It keeps secrets and knows nothing else.
	{"complaint/envelope", []string{std}},
	{"complaint/recheck", append(rooms("store"), std, pb, proto)},
	// Codes that look alike are one.
	{"organization", append(rooms("fault", "lifecycle", "calendar"), std, pb, proto, "golang.org/x/text/unicode/norm")},
	// Its rules are those of logs; it pushes through the API alone.
	{"federation", append(rooms("calendar", "fault", "lifecycle", "feed"), std, pb, proto, tlog, "filippo.io/edwards25519", "github.com/transparency-dev/formats/")},
	{"federation/recovery", append(rooms("durable", "fault", "feed", "store"), std, pb, grpc, proto, tlog, root+"federation")},
	{"federation/push", append(rooms("feed"), std, pb, grpc, proto, tlog, "golang.org/x/sync/", root+"federation")},
	{"federation/recheck", append(rooms("feed", "store"), std, pb, proto, tlog, root+"federation", root+"federation/dated")},
	{"federation/bundle", []string{std, pb, "filippo.io/age", "github.com/klauspost/compress/zstd"}},
	{"federation/carry", append(rooms("durable"), std, proto, root+"federation", "github.com/transparency-dev/formats/")},
	{"federation/streams", append(rooms("authn", "fault", "feed", "limit"), std, proto, root+"federation")},
	{"federation/own", append(rooms("authz", "store"), std, proto, root+"federation")},
	{"federation/evidence", append(rooms("store"), std, pb, proto, root+"federation")},
	{"federation/heads", append(rooms("store"), std)},
	{"federation/rows", append(rooms("store"), std, proto, root+"federation")},
	{"federation/dated", append(rooms("feed", "store"), std, pb, proto, root+"federation", "google.golang.org/genproto/googleapis/api/annotations")},
	{"federation/witness", append(rooms("change", "feed", "store"), std, pb, proto, root+"federation")},
	{"federation/server", append(rooms(""), std, pb, grpc, proto, tlog, root+"federation")},
	// A line that fails, for the tests of whoever speaks over it.
	{"federation/chaostest", append(rooms("feed"), std, pb, grpc, proto)},
	// The server of a service knows its rules, the rooms, and other services
	// only by their API.
	{"*/server", append(rooms(""), std, pb, grpc, proto, root+"SELF", "golang.org/x/sync/", "google.golang.org/genproto/googleapis/api/httpbody")},
	// Which addresses may be called, and what signs: they know nothing else.
	{"event/target", append(rooms("network"), std)},
	{"event/secret", []string{std}},
	{"event/recheck", append(rooms("feed", "store"), std, pb, proto, root+"event")},
	{"event/order", append(rooms("authz", "feed", "portal", "store"), std, pb, proto, root+"event")},
	// What a service's rules are too much for one package: pure as well, except
	// for the figures' tables and the second hand's reading.
	{"aggregation/figures", append(rooms("store", "calendar"), std, root+"aggregation")},
	{"aggregation/figures/cursors", append(rooms("feed", "store"), std)},
	{"aggregation/figures/ended", append(rooms("store"), std, root+"aggregation")},
	{"aggregation/figures/facts", []string{std, root + "aggregation"}},
	{"aggregation/figures/reported", append(rooms("store"), std, proto, root+"aggregation")},
	{"aggregation/lower", append(rooms("store"), std, pb, proto)},
	{"aggregation/jobs", append(rooms("store"), std, pb, proto)},
	{"aggregation/known", append(rooms("store"), std, pb, proto, root+"aggregation/reports")},
	{"aggregation/waiting", append(rooms("store"), std, proto, root+"aggregation/jobs", root+"aggregation/known", root+"aggregation/reports")},
	{"aggregation/turns", append(rooms("fault"), std, proto+"fault/", root+"aggregation/reports", "golang.org/x/sync/semaphore")},
	{"aggregation/joins", append(rooms("store"), std, root+"aggregation/lower")},
	{"aggregation/worklist", append(rooms("authz", "store", "calendar", "deadline"), std, pb, proto)},
	{"aggregation/basis", []string{std, proto, root + "aggregation", root + "aggregation/sheet"}},
	{"aggregation/sheet", []string{std, pb, proto + "sheet/", "github.com/xuri/excelize/", "google.golang.org/genproto/googleapis/api/httpbody"}},
	{"aggregation/reports", append(rooms("fault", "lifecycle", "calendar", "shipped", "text"), std, pb, proto, root+"aggregation", "go.yaml.in/yaml/")},
	{"aggregation/intake", []string{std, proto, root + "aggregation/reports", root + "aggregation/sheet", "github.com/xuri/excelize/v2", "github.com/xuri/nfp", "golang.org/x/text/"}},
	{"aggregation/count", append(rooms("calendar", "fault", "feed/server", "store"), std, pb, proto, root+"aggregation")},
	{"aggregation/desk", append(rooms("change", "fault", "feed", "page", "portal", "store"), std, pb, proto, root+"aggregation", "google.golang.org/genproto/googleapis/api/httpbody")},
	{"aggregation/regain", append(rooms("fault", "store"), std, pb, proto, root+"aggregation")},
	{"aggregation/urging", append(rooms("authz", "calendar", "change"), std, pb, proto, root+"aggregation")},
	{"aggregation/dues", append(rooms("authz", "calendar", "change", "page"), std, proto, root+"aggregation/lower", root+"aggregation/reports", root+"aggregation/sheet", root+"aggregation/worklist", "google.golang.org/genproto/googleapis/api/httpbody")},
	// The second hand: it knows rows by their bytes alone, and each part of it as
	// little as it can.
	{"aggregation/recount", append(rooms("store"), std, pb, proto, root+"aggregation/recount/", root+"aggregation/worklist")},
	{"aggregation/recount/hold", append(rooms("store"), std, pb, root+"aggregation")},
	{"aggregation/recount/tally", []string{std, pb, proto}},
	{"aggregation/recount/tree", []string{std, pb, proto, root + "aggregation/recount/hold", root + "aggregation/recount/tally"}},
	{"aggregation/recount/parts", append(rooms("store"), std, proto, root+"aggregation/recount/hold")},
	{"aggregation/recount/reported", []string{std, proto, root + "aggregation/recount/hold", root + "aggregation/recount/tally", root + "aggregation/reports"}},
	{"aggregation/recount/sum", append(rooms("store"), std, root+"aggregation")},
	{"aggregation/recount/past", append(rooms("store"), std, root+"aggregation")},
	{"aggregation/recount/recounttest", []string{std, root + "aggregation/recount/"}},
	{"evaluation/schemes", append(rooms("shipped"), std, pb, proto, root+"evaluation", "go.yaml.in/yaml/")},
	{"evaluation/recheck", append(rooms("store"), std, pb, proto)},
	// The rules of a service are pure.
	{"*", append(rooms("fault", "lifecycle", "calendar", "deadline", "media", "scope", "shipped"), std, pb, proto, "go.yaml.in/yaml/")},
}

// impure are standard packages that rules may not use: time and names come in.
var impure = []string{"context", "os", "net", "net/http", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "sync"}

// TestRooms reads the sources itself rather than ask the go command, so that the
// test cache sees every file that the result depends on. What a rule allows and nobody
// imports is refused too: it would be there for the import that ought to be asked about.
func TestRooms(t *testing.T) {
	used := map[string]bool{} // by pattern and prefix
	sources(t, func(file string) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			check(t, path.Dir(filepath.ToSlash(file)), strings.Trim(imp.Path.Value, `"`), used)
		}
	})
	for _, rule := range rules {
		for _, p := range rule.allow {
			if !used[rule.pkg+" "+p] {
				t.Errorf("no import of %s needs %s", rule.pkg, p)
			}
		}
	}
}

// sources visits every file that is not a test.
func sources(t *testing.T, visit func(file string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err == nil && path.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go") {
			visit(file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// check holds an import against the rule for a package, and notes what allows it.
func check(t *testing.T, pkg, imp string, used map[string]bool) {
	t.Helper()
	for _, rule := range rules {
		if ok, _ := path.Match(rule.pkg, pkg); !ok {
			continue
		}
		allowed := false
		for _, p := range rule.allow {
			if allows(p, imp, path.Dir(pkg)) {
				allowed, used[rule.pkg+" "+p] = true, true
			}
		}
		if !allowed || rule.pkg == "*" && slices.Contains(impure, imp) {
			t.Errorf("%s may not import %s", pkg, imp)
		}
		return
	}
	t.Errorf("%s has no rule", pkg)
}

func allows(prefix, imp, self string) bool {
	if prefix == std {
		return !strings.Contains(strings.SplitN(imp, "/", 2)[0], ".")
	}
	return strings.HasPrefix(imp, strings.ReplaceAll(prefix, "SELF", self))
}

// TestEveryPackageSaysWhatItIsFor: one comment, in one file.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]int{}
	sources(t, func(file string) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if text := f.Doc.Text(); strings.HasPrefix(text, "Package "+f.Name.Name+" ") || strings.HasPrefix(text, "Command ") {
			said[path.Dir(file)]++
		} else {
			said[path.Dir(file)] += 0
		}
	})
	for pkg, n := range said {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", pkg, n)
		}
	}
}

// TestTheRoomsAreOnTheMap: who looks for a room finds in docs/architecture.md why it
// is one.
func TestTheRoomsAreOnTheMap(t *testing.T) {
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	folders, err := os.ReadDir("internal")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `.*? \\|")
	named := strings.Join(row.FindAllString(string(page), -1), "")
	for _, f := range folders {
		if !strings.Contains(named, "`"+f.Name()+"`") {
			t.Errorf("docs/architecture.md does not say why internal/%s is a room", f.Name())
		}
	}
}
