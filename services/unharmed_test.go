package services_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// bad is a call that must be refused in these words, and store nothing.
type bad struct {
	name, verb, path, body string
	headers                map[string]string
	http, code             int
	reason, field          string
	zh, en                 string
}

const (
	fieldsZh, fieldsEn = "请求中有字段不符合要求，请按所列字段改正。", "The request has invalid fields: correct those listed."
	found              = `"level":"LEVEL_UNIT","source":"SOURCE_SELF_CHECK","description":"迟到"`
)

func (w *ward) bad() []bad {
	problems, once := w.ledger+"/problems", map[string]string{"Idempotency-Key": "once"}
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	return []bad{
		{"an unknown field", "POST", problems, "{" + found + `,"levle":1}`, nil, 400, 3, "FIELDS_INVALID", "problem.levle", fieldsZh, fieldsEn},
		{"a wrong enum", "POST", problems, `{"level":"LEVEL_PLANET","source":"SOURCE_SELF_CHECK","description":"迟到"}`, nil, 400, 3, "FIELDS_INVALID", "problem.level", fieldsZh, fieldsEn},
		{"300 levels of JSON", "POST", problems, "{" + found + `,"measures":` + deep + "}", nil, 400, 3, "BODY_MALFORMED", "problem.measures" + strings.Repeat("[0]", 63),
			"请求正文无法解析：嵌套超过 64 层。", "The request body cannot be read: it is nested more than 64 deep."},
		{"a body of 10 MB", "POST", problems, "{" + found + `,"measures":"` + strings.Repeat("a", 10<<20) + `"}`, nil, 413, 3, "BODY_TOO_LARGE", "body",
			"请求正文超过 4194304 字节的上限，请拆分后重试。", "The request body exceeds 4194304 bytes: part it and repeat."},
		{"bytes that are no UTF-8", "POST", problems, "{" + found + ",\"measures\":\"\xff\"}", nil, 400, 3, "FIELDS_INVALID", "problem.measures",
			"请求中有字段不符合要求，请按所列字段改正。", "The request has invalid fields: correct those listed."},
		{"a control character", "POST", problems, `{"level":"LEVEL_UNIT","source":"SOURCE_SELF_CHECK","description":"迟\u0007到"}`, nil, 400, 3, "FIELDS_INVALID", "problem.description", fieldsZh, fieldsEn},
		{"a control character in a query", "GET", "/v1/ledgers?filter=a%07", "", nil, 400, 3, "FIELDS_INVALID", "filter", fieldsZh, fieldsEn},
		{"a page token of another list", "GET", "/v1/ledgers?pageToken=" + w.token, "", nil, 400, 3, "PAGE_TOKEN_INVALID", "pageToken",
			"分页标记无效或不属于此查询，请从第一页重新查询。", "The page token is not one of this query: begin at the first page."},
		{"a stale etag", "PATCH", w.problem, `{"description":"早退","etag":"` + w.etag + `"}`, nil, 409, 10, "ETAG_STALE", "problem.etag",
			"该记录已被他人修改，请重新读取后再提交。", "The record has changed since it was read: read it again and repeat."},
		{"a request id with another body", "POST", problems, `{"level":"LEVEL_STAFF","source":"SOURCE_SELF_CHECK","description":"早退"}`, once, 409, 6, "REQUEST_ID_REUSED", "Idempotency-Key",
			"同一请求编号已用于内容不同的请求，请换用新的编号。", "The request id was used for another request: use a new one."},
		{"an illegal move", "POST", w.problem + ":start", "{}", nil, 400, 9, "PROBLEM_ILLEGAL_MOVE", "",
			"问题目前为“已发现”，不能执行“开始整改”操作，请重新读取问题。", `The problem is IDENTIFIED, which does not allow "start": read the problem again.`},
		{"a date that does not exist", "POST", w.problem + ":plan", `{"deadline":"2026-02-30"}`, nil, 400, 3, "FIELDS_INVALID", "deadline", fieldsZh, fieldsEn},
	}
}

// TestNothingIsStoredAfterBadInput makes every kind of bad call over REST, in
// both languages, and some over gRPC, and compares the whole content of all stores
// before and after.
func TestNothingIsStoredAfterBadInput(t *testing.T) {
	w := newWard(t)
	before := w.content(t)
	for _, c := range w.bad() {
		t.Run(c.name, func(t *testing.T) {
			w.refused(t, c, "zh-CN", c.zh)
			w.refused(t, c, "en", c.en)
			if after := w.content(t); after != before {
				before = after
				t.Error("a refused call changed what is stored")
			}
		})
	}
	w.illegible(t)
	garbled(t, w.suite, w.key)
	if w.content(t) != before {
		t.Error("a refused call over gRPC changed what is stored")
	}
	w.made(t, "POST", w.ledger+"/problems", "{"+found+"}", "")
	if w.content(t) == before {
		t.Error("a good call changed nothing: the comparison sees nothing")
	}
}

// ward is a school with a ledger of two problems, whose clerk calls.
type ward struct {
	suite                        *suitetest.Suite
	folder, key                  string
	ledger, problem, token, etag string

	seen map[string]sight // by path
}

// sight is a file as it was read last, and a digest of what it holds.
type sight struct {
	text   []byte
	digest [sha256.Size]byte
}

func newWard(t *testing.T) *ward {
	w := &ward{folder: t.TempDir(), seen: map[string]sight{}}
	w.suite = suitetest.RunNew(t, w.folder)
	school := w.suite.Unit("school", w.suite.Root, organizationv1.Unit_KIND_SCHOOL)
	w.key = w.suite.Person(school, accessv1.Role_ROLE_CLERK).Key
	w.ledger = "/v1/" + w.made(t, "POST", "/v1/ledgers", `{"unit":"`+school+`"}`, "").Name
	first := w.made(t, "POST", w.ledger+"/problems", "{"+found+"}", "once")
	w.made(t, "POST", w.ledger+"/problems", "{"+found+"}", "twice")
	w.problem, w.etag = "/v1/"+first.Name, first.Etag
	w.made(t, "PATCH", w.problem, `{"description":"旷工"}`, "")
	w.token = w.made(t, "GET", w.ledger+"/problems?pageSize=1", "", "").NextPageToken
	w.settle(t)
	return w
}

// settle waits until every feed is counted: nothing of what was made is still on
// its way.
func (w *ward) settle(t *testing.T) {
	t.Helper()
	viewer := w.suite.Person(w.suite.Root, accessv1.Role_ROLE_VIEWER).Key
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !w.counted(t, viewer) || !w.relayed(t) {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("not all is counted")
		}
	}
}

func (w *ward) counted(t *testing.T, viewer string) bool {
	t.Helper()
	status, err := w.suite.Aggregation(viewer).GetStatus(t.Context(), &aggregationv1.GetStatusRequest{Name: w.suite.Root})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range status.GetFreshness() {
		cp, err := feedv1.NewFeedServiceClient(w.suite.As(w.suite.Auditor)).GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/" + f.GetService()})
		if err != nil {
			t.Fatal(err)
		}
		if f.GetCursor() < cp.GetSize() || !f.GetCurrent() {
			return false
		}
	}
	return len(status.GetFreshness()) > 0
}

// relayed says whether all feeds are taken in as events.
func (w *ward) relayed(t *testing.T) bool {
	t.Helper()
	text, err := still(filepath.Join(w.folder, "event.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(copied) // there are as many as looks
	db, err := bbolt.Open(copied, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := true
	err = db.View(func(tx *bbolt.Tx) error {
		for _, service := range []string{"organization", "campaign", "rectification", "evaluation", "complaint", "aggregation"} {
			cp, err := feedv1.NewFeedServiceClient(w.suite.As(w.suite.Auditor)).GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/" + service})
			if err != nil {
				return err
			}
			b := tx.Bucket([]byte("event.cursors"))
			all = all && (cp.GetSize() == 0 || b != nil && bytes.HasPrefix(b.Get([]byte(service)), binary.BigEndian.AppendUint64(nil, cp.GetSize())))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// told is what the test reads of an answer.
type told struct {
	Name, Etag, NextPageToken string
	Code                      int
	Details                   []struct {
		Reason, Locale, Message string
		FieldViolations         []struct{ Field string }
	}
}

func (w *ward) call(t *testing.T, verb, path, body string, headers map[string]string) (status int, a told) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), verb, w.suite.HTTP+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return res.StatusCode, a
}

func (w *ward) made(t *testing.T, verb, path, body, id string) told {
	t.Helper()
	headers := map[string]string{}
	if id != "" {
		headers["Idempotency-Key"] = id
	}
	status, a := w.call(t, verb, path, body, headers)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %+v", verb, path, status, a)
	}
	return a
}

func (w *ward) refused(t *testing.T, c bad, locale, sentence string) {
	t.Helper()
	headers := map[string]string{"Accept-Language": locale}
	for name, value := range c.headers {
		headers[name] = value
	}
	status, a := w.call(t, c.verb, c.path, c.body, headers)
	var reason, field, heard, said string
	for _, d := range a.Details {
		reason += d.Reason
		if d.Locale != "" {
			heard, said = d.Locale, d.Message
		}
		for _, v := range d.FieldViolations {
			field += v.Field
		}
	}
	got := fmt.Sprintf("%d %d %s at %q, %s: %s", status, a.Code, reason, field, heard, said)
	if want := fmt.Sprintf("%d %d %s at %q, %s: %s", c.http, c.code, c.reason, c.field, locale, sentence); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// illegible sends texts that are none over gRPC.
func (w *ward) illegible(t *testing.T) {
	t.Helper()
	problems := rectificationv1.NewRectificationServiceClient(dial(t, w.suite).grpc)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+w.key)
	_, changed := problems.UpdateProblem(ctx, &rectificationv1.UpdateProblemRequest{Problem: &rectificationv1.Problem{
		Name: strings.TrimPrefix(w.problem, "/v1/"), Description: "旷\x00工",
	}})
	_, made := problems.CreateProblem(ctx, &rectificationv1.CreateProblemRequest{Parent: strings.TrimPrefix(w.ledger, "/v1/"), Problem: &rectificationv1.Problem{
		Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK, Description: "迟\x1b到",
	}})
	for _, err := range []error{changed, made} {
		f := fault.As(serve.FromStatus(err))
		if status.Code(err) != codes.InvalidArgument || f == nil || f.Reason != "FIELDS_INVALID" || len(f.Fields) != 1 || f.Fields[0].Path != "problem.description" {
			t.Errorf("a control character over gRPC = %v", err)
		}
	}
}

// still reads a file that the suite may write to: two readings that agree are of
// one state. before is one that was, or nil.
func still(path string, before []byte) (text []byte, err error) {
	for {
		if text, err = os.ReadFile(path); err != nil || bytes.Equal(before, text) {
			return text, err
		}
		before = text
	}
}

// content digests every key and value of every bucket of every store, and every
// other file.
func (w *ward) content(t *testing.T) string {
	t.Helper()
	sum := sha256.New()
	stores := 0
	err := filepath.WalkDir(w.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "high-water.json") { // how far logs were committed is noted a moment later
			return err
		}
		if filepath.Ext(path) == ".db" {
			stores++
		}
		digest, err := w.digest(path, t.TempDir)
		fmt.Fprintf(sum, "%q %x\n", path, digest)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(suite.Called()); stores != want {
		t.Fatalf("%d stores were read, want %d, one of each service", stores, want)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// digest is that of what a file holds; a store is read from a copy, by bbolt itself:
// the suite keeps its files locked. A file that is byte by byte as it was last holds
// what it held.
func (w *ward) digest(path string, folder func() string) ([sha256.Size]byte, error) {
	last, was := w.seen[path]
	text, err := still(path, last.text)
	if err != nil || was && bytes.Equal(text, last.text) {
		return last.digest, err
	}
	sum := sha256.New()
	if filepath.Ext(path) == ".db" {
		err = dump(sum, text, filepath.Join(folder(), "copy"))
	} else {
		_, err = sum.Write(text)
	}
	w.seen[path] = sight{text, [sha256.Size]byte(sum.Sum(nil))}
	return w.seen[path].digest, err
}

// dump writes all that a store holds.
func dump(w io.Writer, store []byte, copied string) error {
	if err := os.WriteFile(copied, store, 0o600); err != nil {
		return err
	}
	db, err := bbolt.Open(copied, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if string(name) == "key.uses" { // written once a minute, whatever is called
				return nil
			}
			return walk(w, string(name), b)
		})
	})
}

func walk(w io.Writer, name string, b *bbolt.Bucket) error {
	return b.ForEach(func(k, v []byte) error {
		if inner := b.Bucket(k); inner != nil {
			return walk(w, name+"/"+string(k), inner)
		}
		_, err := fmt.Fprintf(w, "%q %q %x\n", name, k, bytes.Clone(v))
		return err
	})
}
