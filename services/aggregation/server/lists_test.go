package server_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/duban-project/duban/services/aggregation/worklist"
	"github.com/duban-project/duban/services/internal/store"
)

// Whatever happened, and however it was counted: what awaits a unit is what the
// records, as they are now, ask of it in the tree as it is now.
func TestWorklistsAreWhatRecordsAskFor(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHistory(t, r)
		defer h.close()
		r.Repeat(h.busy())
		h.T = r
		h.settle()
		err := h.stores["aggregation"].View(t.Context(), func(tx store.Tx) error {
			for _, name := range names {
				for _, below := range []bool{false, true} {
					if err := h.awaits(tx, name, below); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}

// awaits compares one list with what the records ask for.
func (h *history) awaits(tx store.Tx, name string, below bool) error {
	var got []string
	for item, err := range worklist.Read(tx, "units/"+name, below, "") {
		if err != nil {
			return err
		}
		got = append(got, worklist.Place(item))
	}
	var want []string
	for _, body := range h.newest() {
		for _, item := range worklist.Of(body) {
			turn := h.turn(item)
			if turn == name && !below || below && turn != name && h.beneath(turn, name) {
				want = append(want, worklist.Place(item))
			}
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s (beneath: %v) has %q, want %q", name, below, got, want)
	}
	return nil
}

// turn says whose turn it is, by the naive tree: nobody's, if it is empty.
func (h *history) turn(item *worklist.Item) string {
	owner, action := item.GetOwner()[len("units/"):], item.GetAction().String()
	switch above := h.parents[owner]; {
	case above == "" && superiorsAlone[action]:
		return ""
	case above != "" && item.GetUnit() == "" && superiors[action]:
		return above
	}
	return owner
}

// superiors are the actions that await who stands above.
var superiors = map[string]bool{
	"ACTION_REVIEW_ASSIGNMENT": true, "ACTION_ACKNOWLEDGE_LEDGER": true, "ACTION_VERIFY_PROBLEM": true, "ACTION_CLOSE_PROBLEM": true,
	"ACTION_DECIDE_EXTENSION": true, "ACTION_REVIEW_REPORT": true,
}

// superiorsAlone are the actions that await nobody where nobody stands above (0071).
var superiorsAlone = map[string]bool{"ACTION_REVIEW_ASSIGNMENT": true, "ACTION_DECIDE_EXTENSION": true, "ACTION_REVIEW_REPORT": true}

// newest are the records as the feeds last have them.
func (h *history) newest() map[string]proto.Message {
	all := map[string]proto.Message{}
	for _, service := range services[2:] {
		for _, e := range h.feeds[service] {
			delete(all, e.GetSubject())
			if e.GetBody() == nil {
				continue
			}
			body, err := e.GetBody().UnmarshalNew()
			if err != nil {
				h.Fatal(err)
			}
			all[e.GetSubject()] = body
		}
	}
	return all
}
