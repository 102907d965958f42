package tiers_test

import (
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/story/tiers"
)

// Whatever names a bureau, on whichever tier, says that its figures are made up.
func TestEveryBureauSaysThatItIsMadeUp(t *testing.T) {
	all, err := tiers.New(false)
	if err != nil || len(all) != 7 {
		t.Fatalf("%d tiers, %v", len(all), err)
	}
	for _, tier := range all {
		for _, u := range tier.City.Units {
			if bureau := u.Kind == "PROVINCE" || u.Kind == "CITY" || u.Kind == "DISTRICT"; bureau && !strings.HasSuffix(u.DisplayName, "（演示数据）") {
				t.Errorf("%s names %s", tier.Name(), u.DisplayName)
			}
		}
	}
}
