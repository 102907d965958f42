package gateway

import (
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/anypb"

	sheetv1 "github.com/duban-project/duban/proto/gen/go/duban/sheet/v1"
)

func TestAFileIsAnsweredAsItIs(t *testing.T) {
	h, _ := start(t, &fake{}, Options{})
	w := ask(h, "GET", "/v1/units/a/status:export?format=FORMAT_CSV&cut.asOf=2026-03-01T00:00:00Z&level=KIND_SCHOOL", "")
	if w.Code != http.StatusOK || w.Body.String() != "单位,8\r\n" {
		t.Errorf("= %d %q", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": `attachment; filename="export.csv"`} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Readers of old headers get the one name, others the Chinese one: the standard
// library reads filename* by itself.
func TestAFileIsNamedByWhatItIs(t *testing.T) {
	long := strings.Repeat("甲", 300)
	for _, c := range []struct{ stem, zh, old, want string }{
		{"status-d-2027-01-04", "进展情况-锦江区-2027-01-04", "status-d-2027-01-04.csv", "进展情况-锦江区-2027-01-04.csv"},
		{"", "", "export.csv", "export.csv"},
		{`a"b;c\..`, "甲\"/../乙\r\nSet-Cookie: x%", "a_b_c_.csv", "甲__.._乙__Set-Cookie_ x_.csv"},
		{strings.Repeat("a", 300), long, strings.Repeat("a", 80) + ".csv", strings.Repeat("甲", 80) + ".csv"},
		{"..", "'*(甲)", "export.csv", "'_(甲).csv"},
	} {
		named, err := anypb.New(&sheetv1.File{Stem: c.stem, StemZh: c.zh})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		body := &httpbody.HttpBody{ContentType: "text/csv; charset=utf-8", Extensions: []*anypb.Any{named}}
		if err := setDisposition(t.Context(), w, body); err != nil {
			t.Fatal(err)
		}
		header := w.Header().Get("Content-Disposition")
		old, _, _ := strings.Cut(strings.TrimPrefix(header, `attachment; filename="`), `"`)
		kind, params, err := mime.ParseMediaType(strings.Replace(header, `filename="`+old+`"; `, "", 1))
		if err != nil || kind != "attachment" || old != c.old || params["filename"] != c.want {
			t.Errorf("%q, %q: %q (%q, %q, %v), want %q and %q", c.stem, c.zh, header, old, params["filename"], err, c.old, c.want)
		}
	}
}
