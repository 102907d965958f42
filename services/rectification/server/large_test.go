package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestLargeProblemsAreListed: however much the records of a list have to say, each page
// can be sent, and each record comes once. Nobody hides a list from a superior by what
// may be written.
func TestLargeProblemsAreListed(t *testing.T) {
	const count, mostBytes = 80, 5 << 18 // a page of 1 MiB as JSON, which takes more
	w := begin(t)
	ledger := w.ledger(t).GetName()
	long := selfCheck(strings.Repeat("查", 1000))
	long.Cause, long.Measures = strings.Repeat("因", 2000), strings.Repeat("改", 4000)
	want := map[string]int{}
	for range count {
		want[w.problem(t, w.clerk, ledger, long).GetName()] = 1
	}
	for _, parent := range []string{"ledgers/-", ledger} {
		got, pages := map[string]int{}, 0
		for token := ""; pages == 0 || token != ""; pages++ {
			var page struct {
				Problems      []struct{ Name string }
				NextPageToken string
			}
			if n := w.fetched(t, w.bureauLeader, fmt.Sprintf("/v1/%s/problems?pageSize=1000&pageToken=%s", parent, token), &page); n > mostBytes {
				t.Errorf("a page of %s has %d bytes", parent, n)
			}
			for _, p := range page.Problems {
				got[p.Name]++
			}
			if token = page.NextPageToken; len(page.Problems) == 0 {
				t.Fatalf("a page of %s has nothing", parent)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || pages < 2 {
			t.Errorf("%s: %d pages have %v", parent, pages, got)
		}
	}
}

// fetched reads a URL as a person and says how many bytes came.
func (w *world) fetched(t *testing.T, who suitetest.Person, path string, into any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.HTTP+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+who.Key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v: %.300s", path, res.Status, err, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
	return len(body)
}
