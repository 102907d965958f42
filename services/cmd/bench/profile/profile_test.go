package profile_test

import (
	"math"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/duban-project/duban/services/cmd/bench/profile"
)

// traces are as pprof prints them.
const traces = `File: bench
Type: cpu
Duration: 4.99s, Total samples = 60000us (1.2%)
-----------+-------------------------------------------------------
   10000us   runtime.mallocgc
             trees.(*Cursor).seek (inline)
             store.Get
             server.Create
-----------+-------------------------------------------------------
   20000us   trees.(*Tx).write
             trees.(*Tx).Commit
             server.Create
-----------+-------------------------------------------------------
   30000us   server.Create
             http.serve
-----------+-------------------------------------------------------
    5000us   elsewhere.Do
`

var places = []profile.Place{
	{Name: "commit", In: regexp.MustCompile(`Commit$`), Whole: true},
	{Name: "http", In: regexp.MustCompile(`^http\.`)},
	{Name: "service", In: regexp.MustCompile(`^server\.`)},
	{Name: "trees", In: regexp.MustCompile(`^trees\.`)},
}

func TestASampleCountsForTheInnermostPlaceOrTheWholeOne(t *testing.T) {
	const ms = time.Millisecond
	want := []profile.Share{{"service", 30 * ms}, {"commit", 20 * ms}, {"trees", 10 * ms}, {profile.Other, 5 * ms}}
	got, err := profile.Shares(traces, places)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the shares are %v, %v, want %v", got, err, want)
	}
	if got, err := profile.Shares("-----+-----\n what is no time", places); err == nil {
		t.Errorf("a stack without a time gives %v", got)
	}
}

// roots takes time until there is enough of it to be sampled.
func roots() (sum float64) {
	for i := range 100_000_000 {
		sum += math.Sqrt(float64(i))
	}
	return sum
}

func TestWhatIsDoneIsSampled(t *testing.T) {
	sum := 0.0
	got, err := profile.During(t.Context(), []profile.Place{{Name: "roots", In: regexp.MustCompile(`profile_test\.roots$`)}}, func() error {
		sum = roots()
		return nil
	})
	if err != nil || len(got) == 0 || got[0].Place != "roots" || got[0].Took < 10*time.Millisecond {
		t.Errorf("%v took the time, %v; the sum is %v", got, err, sum)
	}
}
